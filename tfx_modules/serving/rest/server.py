"""Runs the REST frontend on a socket that is already bound."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from tfx_modules.serving.exceptions import PortError
from tfx_modules.serving.flags.connection_flags import ConnectionFlags
from tfx_modules.serving.rest.connection.acceptor import Acceptor
from tfx_modules.serving.rest.connection.protocol import ProtocolContext, RestProtocol
from tfx_modules.serving.security.api_keys import ApiKeys
from tfx_modules.serving.security.connections import Connections

BACKLOG = 1024  # connections that may wait to be accepted


class _Embedded(uvicorn.Server):
    """A uvicorn that leaves signals to the process that it is part of."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class RestServer:
    """The REST frontend's server, which can be started and stopped."""

    def __init__(
        self,
        app: ASGIApp,
        listener: socket.socket,
        certificate: Path | None = None,
        key: Path | None = None,
        *,
        limits: ConnectionFlags,
        keys: ApiKeys | None = None,
        count_closed: Callable[[str], None],
    ) -> None:
        """Prepare.

        Args:
            app: answers the requests.
            listener: a bound socket; closed when the server stops.
            certificate: for TLS, with ``key``; PEM.
            key: the certificate's.
            limits: how many connections may be open, and for how long.
            keys: connections on which one of these was shown are closed last; None = all are alike.
            count_closed: is called with the reason when the server closes a connection that its client did not finish.
        """
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            proxy_headers=False,  # nothing here asks for the client's address
            headers=[("keep-alive", f"timeout={limits.rest_keep_alive_seconds:.0f}")],
            ws="none",
            ssl_certfile=certificate,
            ssl_keyfile=key,
        )
        config.load()
        self._server = _Embedded(config)
        self._listener = listener
        self.connections = Connections(limits.rest_max_connections, count_closed)
        context = ProtocolContext(config, self._server.server_state, limits, self.connections, keys, count_closed)
        self._acceptor = Acceptor(
            listener,
            self.connections,
            lambda connection: RestProtocol(context, connection),
            handshake_seconds=limits.rest_head_timeout_seconds,
            tls=config.ssl,
        )
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Accept connections from now on.

        Raises:
            PortError: another process began to listen on the port in the meantime.
        """
        try:
            self._listener.listen(BACKLOG)
        except OSError as error:
            port = self._listener.getsockname()[1]
            raise PortError(f"port {port} was taken meanwhile; give another with --rest_api_port") from error
        self._listener.settimeout(0)
        serving = asyncio.create_task(self._server.serve(sockets=[]))
        while not self._server.started:
            await asyncio.sleep(0.01)
            if serving.done():
                serving.result()
        self._tasks = [serving, asyncio.create_task(self._acceptor.run())]

    async def stop(self, seconds: float) -> None:
        """Accept nothing more, let answers be sent for at most that long, and close."""
        if not self._tasks:
            return
        serving, accepting = self._tasks
        accepting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await accepting
        self._listener.close()
        self._server.should_exit = True
        self._server.config.timeout_graceful_shutdown = max(1, round(seconds))
        await serving
