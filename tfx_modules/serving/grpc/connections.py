"""Keeps connections of gRPC with a key from being kept out by others.

gRPC's core accepts connections by itself, refuses those beyond its limit, and tells Python nothing of them. So this
looks for them among the process's own descriptors, and shuts down those that do least before the limit is reached.
"""

import ipaddress
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from urllib.parse import unquote

from tfx_modules.serving.security.connections import Connection, least_busy

SELDOM = 20  # looks of which one is thorough while there is no crowd
CROWDED = 0.75  # share of the limit from which on connections are closed

Peer = tuple[str, int]

_DESCRIPTORS = "/proc/self/fd"


class GrpcConnections:
    """The open connections of the gRPC port, as they were at the last look."""

    def __init__(self, most: int, port: int, count_closed: Callable[[str], None]) -> None:
        """Prepare.

        Args:
            most: gRPC's own limit; 0 = none, and nothing is closed.
            port: the port's number.
            count_closed: is called with the reason when one is closed.
        """
        self._crowded = max(1, int(most * CROWDED)) if most else 0
        self._port = port
        self._count_closed = count_closed
        self._peers: dict[str, Peer | None] = {}  # by the kernel's name of the socket; None = another socket
        self._open: dict[Peer, Connection] = {}
        self._looks = 0

    def __len__(self) -> int:
        return len(self._open)

    def of(self, peer: str) -> Connection:
        """Return the connection that a call came on.

        Args:
            peer: as gRPC names it: ``ipv4:127.0.0.1:50000``, ``ipv6:%5B::1%5D:50000``.
        """
        return self._open.setdefault(_read_peer(peer), Connection(close=_do_nothing))

    def look(self) -> None:
        """Find the connections that are open now, and close those that do least where it is getting crowded.

        Raises:
            OSError: there is no descriptor left to look with.
        """
        names = os.listdir(_DESCRIPTORS)  # noqa: PTH208 - Path takes several times as long
        self._looks += 1
        if self._looks % SELDOM != 1 and len(names) <= self._crowded:
            return
        self._find(names)
        while self._crowded and len(self._open) > self._crowded:
            victim = least_busy(self._open.values())
            if victim is None:
                return
            self._open = {peer: other for peer, other in self._open.items() if other is not victim}
            self._count_closed("crowded")
            victim.close()

    def _find(self, names: list[str]) -> None:
        before = {peer for peer in self._peers.values() if peer is not None}
        peers: dict[str, Peer | None] = {}
        found: dict[Peer, Connection] = {}
        for name in names:
            with suppress(OSError):  # closed meanwhile, or the one that lists them
                kernels_name = os.readlink(f"{_DESCRIPTORS}/{name}")  # noqa: PTH115 - as above
                if not kernels_name.startswith("socket:"):
                    continue
                is_new = kernels_name not in self._peers
                peer = _peer_of(int(name), self._port) if is_new else self._peers[kernels_name]
                peers[kernels_name] = peer
                if peer is not None:
                    # A client may use a port again: what is known of the connection before is not this one's.
                    known = None if is_new and peer in before else self._open.get(peer)
                    found[peer] = known or Connection(close=_do_nothing)
                    found[peer].close = partial(_shut_down, int(name), peer)
        self._peers, self._open = peers, found


def _do_nothing() -> None:
    """Stand for closing until the descriptor is known."""


def _peer_of(descriptor: int, port: int) -> Peer | None:
    """Return a socket's peer; None where it is no connection of that port."""
    with socket.socket(fileno=os.dup(descriptor)) as copy:
        if copy.family not in (socket.AF_INET, socket.AF_INET6) or copy.getsockname()[1] != port:
            return None
        try:
            host, peer_port = copy.getpeername()[:2]
        except OSError:  # the listening socket
            return None
    return _canonical(host), peer_port


def _shut_down(descriptor: int, peer: Peer) -> None:
    """End a connection; gRPC sees that as if the client had left."""
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as copy:
        # The descriptor may be another's by now; the copy cannot become another's after this.
        host, port = copy.getpeername()[:2]
        if (_canonical(host), port) == peer:
            copy.shutdown(socket.SHUT_RDWR)


def _read_peer(peer: str) -> Peer:
    host, _, port = unquote(peer.partition(":")[2]).rpartition(":")
    return _canonical(host.strip("[]")), int(port or 0)


def _canonical(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)
