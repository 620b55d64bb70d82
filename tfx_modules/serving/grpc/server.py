"""Runs the gRPC frontend."""

from collections.abc import Callable, Sequence

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from tfx_modules.serving.exceptions import FlagError, PortError
from tfx_modules.serving.flags.connection_flags import ConnectionFlags
from tfx_modules.serving.grpc.arrival import ArrivalInterceptor
from tfx_modules.serving.grpc.connections import GrpcConnections
from tfx_modules.serving.grpc.parsing import ParsingInterceptor
from tfx_modules.serving.grpc.services import ModelService, PredictionService
from tfx_modules.serving.inference.dataplane import DataPlane
from tfx_modules.serving.models.manager import ModelManager
from tfx_modules.serving.ports import BoundPort
from tfx_modules.serving.security.api_keys import ApiKeys
from tfx_modules.serving.security.reload import ReloadGuard

_OPTIONS = [
    ("grpc.so_reuseport", 0),  # else a second server on the same port would get half of the requests
    ("grpc.max_send_message_length", -1),
]
_NO_LIMIT = 2**31 - 1


def connection_options(limits: ConnectionFlags) -> list[tuple[str, int]]:
    """Return gRPC's channel arguments for these limits (``grpc/impl/channel_arg_names.h``)."""
    return [
        ("grpc.max_allowed_incoming_connections", limits.grpc_max_connections or _NO_LIMIT),
        ("grpc.max_concurrent_streams", limits.grpc_max_concurrent_streams or _NO_LIMIT),
        ("grpc.server_handshake_timeout_ms", _ms(limits.grpc_handshake_timeout_seconds)),
        ("grpc.keepalive_time_ms", _ms(limits.grpc_keepalive_seconds)),
        ("grpc.keepalive_timeout_ms", _ms(limits.grpc_keepalive_timeout_seconds)),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", _ms(limits.grpc_min_ping_interval_seconds)),
        ("grpc.max_connection_idle_ms", _ms(limits.grpc_max_connection_idle_seconds) or _NO_LIMIT),
        ("grpc.max_connection_age_ms", _ms(limits.grpc_max_connection_age_seconds) or _NO_LIMIT),
        ("grpc.max_connection_age_grace_ms", _ms(limits.grpc_max_connection_age_grace_seconds)),
    ]


def _ms(seconds: float) -> int:
    return min(round(seconds * 1000), _NO_LIMIT)


class GrpcServer:
    """The gRPC frontend's server, which can be started and stopped."""

    def __init__(
        self,
        data_plane: DataPlane,
        manager: ModelManager,
        bound_port: BoundPort,
        reload_guard: ReloadGuard,
        *,
        interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
        credentials: grpc.ServerCredentials | None = None,
        max_request_bytes: int = -1,
        limits: ConnectionFlags,
        keys: ApiKeys | None = None,
        count_closed: Callable[[str], None],
    ) -> None:
        """Prepare; must be called in the event loop that it will run in.

        Args:
            data_plane: answers the requests.
            manager: applies new model configs.
            bound_port: the port, released at the start.
            reload_guard: where the models of new configs may be.
            interceptors: those that see a request before it is parsed; the first is outermost.
            credentials: for TLS; None = no encryption.
            max_request_bytes: size of a request; -1 = no limit. (gRPC's default is 4 MiB.)
            limits: how many connections may be open, and for how long.
            keys: connections on which one of these was shown are closed last; None = all are alike.
            count_closed: is called with the reason when a connection is closed to make room.
        """
        self.connections = GrpcConnections(limits.grpc_max_connections, bound_port.port, count_closed)
        arrival = ArrivalInterceptor(self.connections, keys, limits.grpc_message_timeout_seconds)
        self._bound_port = bound_port
        self._address = bound_port.address
        self._credentials = credentials
        self._health = health.aio.HealthServicer()
        self._server = grpc.aio.server(
            # Messages are parsed last: the others see bytes.
            interceptors=[arrival, *interceptors, ParsingInterceptor(data_plane)],
            options=[*_OPTIONS, *connection_options(limits), ("grpc.max_receive_message_length", max_request_bytes)],
        )
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(PredictionService(data_plane), self._server)
        models = ModelService(data_plane, manager, reload_guard)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(models, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)

    async def start(self) -> None:
        """Accept calls from now on.

        Raises:
            PortError: another process took the port in the moment between its release and this.
            FlagError: the credentials are none.
        """
        self._bound_port.release()
        try:
            self._bind()
        except RuntimeError as error:
            if self._credentials is not None:
                raise FlagError(
                    f"gRPC cannot listen on {self._address} with TLS: --ssl_config_file has a key or certificates that "
                    "are not PEM texts or do not match (or the port was taken meanwhile)"
                ) from error
            raise PortError(
                f"{self._address} was taken meanwhile; give another with {self._bound_port.flag}"
            ) from error
        await self._server.start()

    def _bind(self) -> None:
        if self._credentials is None:
            self._server.add_insecure_port(self._address)
        else:
            self._server.add_secure_port(self._address, self._credentials)

    async def report_health(self, *, serving: bool) -> None:
        """Answer health checks with SERVING or NOT_SERVING."""
        status = health_pb2.HealthCheckResponse.ServingStatus
        await self._health.set("", status.SERVING if serving else status.NOT_SERVING)

    async def stop(self, seconds: float) -> None:
        """Accept nothing more, let calls under way end for at most that long, and close."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(seconds)
