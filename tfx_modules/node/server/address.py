"""Opens the node server's Unix socket."""

import os
import socket
import stat
from pathlib import Path

from tfx_modules.exceptions import NodeError

_LONGEST = 107
"""Bytes of a Unix socket's path on Linux (``sun_path`` has 108, with the closing zero); see unix(7)."""
_BACKLOG = 64
_FOR_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def listen(path: Path) -> socket.socket:
    """Listen on a socket that only this user can reach, since a client can run any code.

    Args:
        path: the socket's path. Its folder is made, for this user alone; a socket that nobody listens on is replaced.

    Raises:
        NodeError: the path is too long, is not a socket, has a server already, or its folder is open to others.
    """
    path = path.absolute()
    size = len(os.fsencode(path))
    if size > _LONGEST:
        msg = (
            f"socket path {path} has {size} bytes; allowed: {_LONGEST}. Choose a shorter one, for instance under /run."
        )
        raise NodeError(msg)
    _prepare_folder(path.parent)
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    listener.bind(str(path))
    listener.listen(_BACKLOG)
    return listener


def _prepare_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.stat()
    if found.st_uid != os.getuid() or found.st_mode & _FOR_OTHERS:
        msg = (
            f"socket folder {folder} has mode {stat.S_IMODE(found.st_mode):o} and owner {found.st_uid}; "
            f"allowed: mode 700, owner {os.getuid()}. Run `chmod 700 {folder}`, or choose another folder."
        )
        raise NodeError(msg)


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
