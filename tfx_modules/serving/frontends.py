"""Makes the gRPC and REST frontends, with limits, API keys, TLS and metrics."""

import ipaddress
import logging
import ssl
from functools import partial
from pathlib import Path

import grpc
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from tfx_modules.serving.exceptions import FlagError, NotServedError
from tfx_modules.serving.flags.config_files import GrpcTls, check_tls, read_metrics_path, read_ssl_config
from tfx_modules.serving.flags.operations_flags import OperationsFlags, SecurityFlags
from tfx_modules.serving.grpc.authentication import AuthenticationInterceptor
from tfx_modules.serving.grpc.limits import LimitInterceptor
from tfx_modules.serving.grpc.monitoring import CountingInterceptor
from tfx_modules.serving.grpc.server import GrpcServer
from tfx_modules.serving.inference.dataplane import DataPlane
from tfx_modules.serving.models.manager import ModelManager
from tfx_modules.serving.observability.metrics import Metrics, Reading
from tfx_modules.serving.ports import BoundPort
from tfx_modules.serving.rest.app import create_app
from tfx_modules.serving.rest.authentication import AuthenticatedApp, HostCheckedApp
from tfx_modules.serving.rest.limits import LimitedApp
from tfx_modules.serving.rest.monitoring import CountedApp, MetricsPage
from tfx_modules.serving.rest.server import RestServer
from tfx_modules.serving.security.admission import Admission
from tfx_modules.serving.security.api_keys import ApiKeys, read_api_keys
from tfx_modules.serving.security.hosts import AllowedHosts
from tfx_modules.serving.security.reload import ReloadGuard
from tfx_modules.serving.specs import ModelSpec

_logger = logging.getLogger(__name__)


class Frontends:
    """The gRPC and REST frontends, ready to be started.

    Raises:
        FlagError: a file that a flag names cannot be used.
    """

    def __init__(
        self,
        flags: OperationsFlags,
        data_plane: DataPlane,
        manager: ModelManager,
        metrics: Metrics,
        *,
        grpc_port: BoundPort,
        rest_port: BoundPort,
    ) -> None:
        self._flags = flags
        self._data_plane = data_plane
        self._metrics = metrics
        self._admission = Admission(flags.limits.max_concurrent_requests, flags.limits.max_queued_requests)
        metrics.show(
            Reading(":bert_service:serving:is_serving", "gauge", lambda: int(manager.is_serving)),
            Reading(":bert_service:serving:requests_running", "gauge", lambda: self._admission.running),
            Reading(":bert_service:serving:requests_waiting", "gauge", lambda: self._admission.waiting),
            Reading(":bert_service:serving:bytes_under_way", "gauge", lambda: data_plane.bytes_under_way.held),
        )
        security = flags.security
        self._keys = None if security.api_key_file is None else read_api_keys(security.api_key_file)
        admin_keys = (
            None if security.admin_api_key_file is None else _admin_keys(security.admin_api_key_file, self._keys)
        )
        self.reload_guard = ReloadGuard(admin_keys, client_keys=self._keys, roots=security.model_roots)
        tls = None if security.ssl_config_file is None else read_ssl_config(security.ssl_config_file)
        if tls is not None and security.ssl_config_file is not None:
            check_tls(security.ssl_config_file, tls)
        _check_certificate(security)
        warn_if_open(grpc_port, "gRPC", "--ssl_config_file", tls=tls is not None, keys=self._keys)
        certificate = "--rest_ssl_cert and --rest_ssl_key"
        warn_if_open(rest_port, "REST", certificate, tls=security.rest_ssl_cert is not None, keys=self._keys)
        self.grpc = GrpcServer(
            data_plane,
            manager,
            grpc_port,
            self.reload_guard,
            interceptors=self._interceptors(),
            credentials=None if tls is None else _credentials(tls),
            max_request_bytes=flags.limits.max_request_bytes or -1,
            limits=flags.connections,
            keys=self._keys,
            count_closed=partial(metrics.connection_closed, "grpc"),
        )
        self.rest = RestServer(
            self._rest_app(AllowedHosts(flags.connections.allowed_hosts, rest_port.host)),
            rest_port.held,
            security.rest_ssl_cert,
            security.rest_ssl_key,
            limits=flags.connections,
            keys=self._keys,
            count_closed=partial(metrics.connection_closed, "rest"),
        )
        metrics.show(
            Reading(":bert_service:serving:rest_connections", "gauge", lambda: len(self.rest.connections)),
            Reading(":bert_service:serving:grpc_connections", "gauge", lambda: len(self.grpc.connections)),
        )
        scheme = "http" if security.rest_ssl_cert is None else "https"
        self.ready_line = f"model server: gRPC on {grpc_port.address}, REST on {scheme}://{rest_port.address}"

    def _interceptors(self) -> list[grpc.aio.ServerInterceptor]:
        """Return the gRPC interceptors; the first is outermost."""
        made: list[grpc.aio.ServerInterceptor] = [CountingInterceptor(self._metrics, self._has_model)]
        open_status = self._flags.security.status_without_api_key
        made.append(AuthenticationInterceptor(self._keys, self.reload_guard, open_status=open_status))
        return [*made, LimitInterceptor(self._admission)]

    def _rest_app(self, hosts: AllowedHosts) -> ASGIApp:
        security = self._flags.security
        app: ASGIApp = LimitedApp(
            create_app(self._data_plane), self._flags.limits, self._admission, self._data_plane.bytes_under_way
        )
        config = self._flags.monitoring_config_file
        path = None if config is None else read_metrics_path(config)
        if path is not None:
            app = MetricsPage(app, self._metrics, path)
        if self._keys is not None:
            open_status = security.status_without_api_key
            open_paths = frozenset({path} if path is not None and open_status else ())
            app = AuthenticatedApp(app, self._keys, open_status=open_status, open_paths=open_paths)
        app = CountedApp(app, self._metrics, self._has_model)
        if security.enable_cors_support:  # around the keys, since browsers send CORS preflight requests without one
            app = CORSMiddleware(app, ("*",), ("GET", "POST"), ("*",))
        return HostCheckedApp(app, hosts)

    def _has_model(self, name: str) -> bool:
        try:
            self._data_plane.statuses(ModelSpec(name))
        except NotServedError:
            return False
        return True


def _admin_keys(file: Path, client_keys: ApiKeys | None) -> ApiKeys:
    """Read the admins' keys, of which none may be a client's."""
    keys = read_api_keys(file, "--admin_api_key_file")
    if client_keys is not None and keys.shares_one_with(client_keys):
        raise FlagError(f"--admin_api_key_file={file} has a key that --api_key_file has, too; make another one")
    return keys


def _credentials(tls: GrpcTls) -> grpc.ServerCredentials:
    return grpc.ssl_server_credentials(
        [(tls.key, tls.certificate)], root_certificates=tls.ca, require_client_auth=tls.client_verify
    )


def _check_certificate(security: SecurityFlags) -> None:
    """Check that REST's certificate and key can be used, before a server is started with them."""
    if security.rest_ssl_cert is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(security.rest_ssl_cert, security.rest_ssl_key)
    except OSError as error:  # an SSLError is one
        files = f"--rest_ssl_cert={security.rest_ssl_cert} and --rest_ssl_key={security.rest_ssl_key}"
        raise FlagError(f"{files} cannot be used: {error}; give a certificate and its key, as PEM files") from error


def warn_if_open(bound_port: BoundPort, protocol: str, flags: str, *, tls: bool, keys: ApiKeys | None) -> None:
    """Log a warning for TLS and for API keys, where an address that others can reach lacks them."""
    if ipaddress.ip_address(bound_port.held.getsockname()[0].partition("%")[0]).is_loopback:
        return
    if not tls:
        _logger.warning(
            "%s on %s is not encrypted, so that others can read the requests; give %s",
            protocol,
            bound_port.address,
            flags,
        )
    if keys is None:
        _logger.warning("%s on %s answers anybody who can reach it; give --api_key_file", protocol, bound_port.address)
