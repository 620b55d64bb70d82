"""Declares the flags for clients' connections, and for the names that requests may ask for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfx_modules.serving.exceptions import FlagError

_OPTIONAL = (
    "rest_max_connections",
    "grpc_max_connections",
    "grpc_max_concurrent_streams",
    "grpc_max_connection_idle_seconds",
    "grpc_max_connection_age_seconds",
)
_TIMES = (
    "rest_keep_alive_seconds",
    "rest_head_timeout_seconds",
    "rest_body_timeout_seconds",
    "grpc_handshake_timeout_seconds",
    "grpc_message_timeout_seconds",
    "grpc_keepalive_seconds",
    "grpc_keepalive_timeout_seconds",
    "grpc_min_ping_interval_seconds",
    "grpc_max_connection_age_grace_seconds",
)


@dataclass(frozen=True)
class ConnectionFlags:
    """The limits of connections. Times are seconds.

    Attributes:
        rest_keep_alive_seconds: how long a REST connection stays open after an answer.
        rest_head_timeout_seconds: time for TLS's handshake, and for the head of a request.
        rest_body_timeout_seconds: time for a request's body to arrive, and for an answer to be taken.
        rest_max_connections: REST connections at once; 0 = no limit.
        grpc_max_connections: gRPC connections at once; 0 = no limit.
        grpc_max_concurrent_streams: calls at once on one gRPC connection; 0 = no limit.
        grpc_handshake_timeout_seconds: time for the handshakes of TLS and HTTP/2.
        grpc_message_timeout_seconds: time for a call's message to arrive.
        grpc_keepalive_seconds: how long a client may be silent before the server pings it.
        grpc_keepalive_timeout_seconds: time for the answer to that ping.
        grpc_min_ping_interval_seconds: clients that ping more often are sent away.
        grpc_max_connection_idle_seconds: how long a gRPC connection stays open without calls; 0 = no limit.
        grpc_max_connection_age_seconds: how long a gRPC connection stays open; 0 = no limit.
        grpc_max_connection_age_grace_seconds: how long the calls of one that is too old may go on.
        allowed_hosts: what the header ``Host`` may name beside this machine; ``*.NAME`` = names below it, ``*`` = any.
    """

    rest_keep_alive_seconds: float = 75.0
    rest_head_timeout_seconds: float = 10.0
    rest_body_timeout_seconds: float = 60.0
    rest_max_connections: int = 512
    grpc_max_connections: int = 512
    grpc_max_concurrent_streams: int = 1000
    grpc_handshake_timeout_seconds: float = 10.0
    grpc_message_timeout_seconds: float = 60.0
    grpc_keepalive_seconds: float = 60.0
    grpc_keepalive_timeout_seconds: float = 20.0
    grpc_min_ping_interval_seconds: float = 5.0
    grpc_max_connection_idle_seconds: float = 300.0
    grpc_max_connection_age_seconds: float = 3600.0
    grpc_max_connection_age_grace_seconds: float = 120.0
    allowed_hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in _TIMES:
            if not getattr(self, name) > 0:
                raise FlagError(f"--{name}={getattr(self, name)} is no time; give seconds, more than 0")
        for name in _OPTIONAL:
            if not getattr(self, name) >= 0:
                raise FlagError(f"--{name}={getattr(self, name)} is negative; give a number, or 0 for no limit")
        for host in self.allowed_hosts:
            if "/" in host or "*" in host.removeprefix("*.").removeprefix("*"):
                raise FlagError(
                    f"--allowed_hosts has {host!r}; give names or addresses without scheme, port and path, with commas "
                    "between: tf-serving, *.example.com, or * to allow all"
                )


def _hosts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


CONNECTION_FLAGS: Mapping[str, Mapping[str, Any]] = {
    "--rest_keep_alive_seconds": {"type": float, "help": "how long a REST connection stays open after an answer"},
    "--rest_head_timeout_seconds": {"type": float, "help": "time for the head of a REST request"},
    "--rest_body_timeout_seconds": {
        "type": float,
        "help": "time for its body to arrive, and for an answer to be taken",
    },
    "--rest_max_connections": {"type": int, "help": "REST connections at once, 0 = no limit"},
    "--grpc_max_connections": {"type": int, "help": "gRPC connections at once, 0 = no limit"},
    "--grpc_max_concurrent_streams": {"type": int, "help": "calls at once on a gRPC connection, 0 = no limit"},
    "--grpc_handshake_timeout_seconds": {"type": float, "help": "time for gRPC's handshakes"},
    "--grpc_message_timeout_seconds": {"type": float, "help": "time for the message of a gRPC call to arrive"},
    "--grpc_keepalive_seconds": {"type": float, "help": "silence of a gRPC client before the server pings it"},
    "--grpc_keepalive_timeout_seconds": {"type": float, "help": "time for the answer to that ping"},
    "--grpc_min_ping_interval_seconds": {"type": float, "help": "gRPC clients that ping more often are sent away"},
    "--grpc_max_connection_idle_seconds": {
        "type": float,
        "help": "how long a gRPC connection stays open without calls, 0 = no limit",
    },
    "--grpc_max_connection_age_seconds": {
        "type": float,
        "help": "how long a gRPC connection stays open, 0 = no limit",
    },
    "--grpc_max_connection_age_grace_seconds": {
        "type": float,
        "help": "how long the calls of a gRPC connection that is too old may go on",
    },
    "--allowed_hosts": {
        "type": _hosts,
        "help": "names and addresses that the header Host may have beside this machine's, with commas between; "
        "* allows all",
    },
}
