"""Accepts REST connections: as many as may be, and with pauses when there are no file descriptors left.

``asyncio``'s own loop tries 2,048 times at once in that case, and logs each.
"""

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
import time
from collections.abc import Callable
from functools import partial

from tfx_modules.serving.security.connections import Connection, Connections

FIRST_PAUSE = 0.05  # s after a failed try; twice as long after each further one
LONGEST_PAUSE = 1.0
WARN_SECONDS = 60.0  # between two warnings

_NOTHING_LEFT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_GONE = frozenset({errno.ECONNABORTED, errno.EPROTO, errno.EINTR})
_BODY = b'{"error": "the server has as many connections as --rest_max_connections allows; try again in a moment"}'
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\nconnection: close\r\n"
    b"content-length: %d\r\n\r\n%s" % (len(_BODY), _BODY)
)

_logger = logging.getLogger(__name__)


class Acceptor:
    """Takes connections from a listening socket, and gives each a protocol."""

    def __init__(
        self,
        listener: socket.socket,
        connections: Connections,
        make_protocol: Callable[[Connection], asyncio.BaseProtocol],
        *,
        handshake_seconds: float,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Prepare.

        Args:
            listener: listens, and does not block.
            connections: bounds them.
            make_protocol: makes what speaks on a new connection.
            handshake_seconds: time for TLS's handshake.
            tls: None = no encryption.
        """
        self._listener = listener
        self._connections = connections
        self._make_protocol = make_protocol
        self._handshake_seconds = handshake_seconds
        self._tls = tls
        self._opening: set[asyncio.Task[None]] = set()
        self._warned = -WARN_SECONDS

    async def run(self) -> None:
        """Accept until cancelled."""
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE
        while True:
            try:
                client, _ = await loop.sock_accept(self._listener)
            except OSError as error:
                if error.errno not in _GONE:
                    self._warn(error)
                    if error.errno in _NOTHING_LEFT:
                        self._connections.make_room()
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, LONGEST_PAUSE)
                continue
            pause = FIRST_PAUSE
            self._take(client)
            await asyncio.sleep(0)  # many who come at once do not keep the others waiting

    def _warn(self, error: OSError) -> None:
        now = time.monotonic()
        if now - self._warned < WARN_SECONDS:
            return
        self._warned = now
        _logger.warning(
            "cannot accept a REST connection: %s; trying again with pauses. %d are open: lower --rest_max_connections "
            "and --grpc_max_connections, or raise the limit of open files (ulimit -n)",
            error.strerror,
            len(self._connections),
        )

    def _take(self, client: socket.socket) -> None:
        connection = Connection(close=client.close)
        if not self._connections.admit(connection):
            with contextlib.suppress(OSError):
                if self._tls is None:
                    client.send(_FULL)
            client.close()
            return
        task = asyncio.get_running_loop().create_task(self._open(client, connection))
        connection.close = partial(_cancel, task)  # until the protocol takes over
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self, client: socket.socket, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        seconds = None if self._tls is None else self._handshake_seconds
        try:
            await loop.connect_accepted_socket(
                lambda: self._make_protocol(connection), client, ssl=self._tls, ssl_handshake_timeout=seconds
            )
        except OSError as error:  # the client has left, or is no client of TLS
            _logger.debug("a connection was not opened: %s", error)
            self._connections.remove(connection)
            client.close()
        except asyncio.CancelledError:
            self._connections.remove(connection)
            client.close()


def _cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
