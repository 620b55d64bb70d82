"""Runs the REST frontend on a socket that is already bound."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from tfx_modules.serving.exceptions import PortError
from tfx_modules.serving.rest.connection.pieces import PiecemealProtocol


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
    ) -> None:
        """Prepare.

        Args:
            app: answers the requests.
            listener: a bound socket; closed when the server stops.
            certificate: for TLS, with ``key``; PEM.
            key: the certificate's.
        """
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            ws="none",
            http=PiecemealProtocol,
            ssl_certfile=certificate,
            ssl_keyfile=key,
        )
        self._server = _Embedded(config)
        self._listener = listener
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Accept connections from now on.

        Raises:
            PortError: another process began to listen on the port in the meantime.
        """
        try:
            self._listener.listen()
        except OSError as error:
            port = self._listener.getsockname()[1]
            raise PortError(f"port {port} was taken meanwhile; give another with --rest_api_port") from error
        self._task = asyncio.create_task(self._server.serve(sockets=[self._listener]))
        while not self._server.started:
            await asyncio.sleep(0.01)
            if self._task.done():
                self._task.result()

    async def stop(self, seconds: float) -> None:
        """Accept nothing more, let answers be sent for at most that long, and close."""
        if self._task is None:
            return
        self._server.should_exit = True
        self._server.config.timeout_graceful_shutdown = max(1, round(seconds))
        await self._task
