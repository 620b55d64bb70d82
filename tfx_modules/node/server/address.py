"""Opens the node server's Unix socket."""

import socket
from pathlib import Path

from tfx_modules.common.private_socket import prepare
from tfx_modules.exceptions import NodeError

_BACKLOG = 64


def listen(path: Path) -> socket.socket:
    """Listen on a socket that only this user can reach, since a client can run any code.

    Args:
        path: the socket's path. Its folder is made, for this user alone; a socket that nobody listens on is replaced.

    Raises:
        NodeError: the path is too long, is not a socket, has a server already, or its folder is open to others.
    """
    path = prepare(path, NodeError)
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    listener.bind(str(path))
    listener.listen(_BACKLOG)
    return listener


def _remove_stale(path: Path) -> None:
    if not path.exists() and not path.is_symlink():
        return
    if not path.is_socket():
        msg = f"socket path {path} is something else than a socket; allowed: a path that is free. Choose another one."
        raise NodeError(msg)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    msg = (
        f"socket {path} has a node server already; allowed: one server a socket. Stop that one, or choose another path."
    )
    raise NodeError(msg)
