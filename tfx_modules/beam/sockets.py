"""Makes folders for Unix sockets that no other user of the machine reaches."""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from tfx_modules.common.private_socket import LONGEST
from tfx_modules.exceptions import BeamServerError

_PREFIX = "bert-beam-"
_SCHEME = "unix:"


class SocketFolder:
    """A folder in the temporary folder, for this user alone (mode 700).

    The process that makes it holds a lock on it. A process that is killed leaves it behind, without the lock: the next
    one removes it.
    """

    def __init__(self) -> None:
        """Make the folder, and remove those of this user whose processes have ended."""
        self._path, self._lock = _make()
        for other in self._path.parent.glob(f"{_PREFIX}*"):
            if other != self._path:
                _remove_abandoned(other)

    def address(self, name: str) -> str:
        """Return the address of a socket in it, as gRPC writes it.

        Raises:
            BeamServerError: the path is too long for a socket.
        """
        path = self._path / name
        size = len(os.fsencode(path))
        if size > LONGEST:
            raise BeamServerError(
                f"the path {path} of a socket for Beam's workers has {size} bytes; allowed: {LONGEST}. "
                "Set TMPDIR to a folder with a shorter path."
            )
        return address(path)

    def remove(self) -> None:
        """Remove it with its sockets."""
        shutil.rmtree(self._path, ignore_errors=True)
        os.close(self._lock)


def address(path: Path) -> str:
    """Return the address of a Unix socket, as gRPC writes it."""
    return f"{_SCHEME}{path}"


def is_unix(url: str) -> bool:
    """Return whether an address is that of a Unix socket."""
    return url.startswith(_SCHEME)


def _make() -> tuple[Path, int]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        # Until the lock is held, another process may take the folder for an abandoned one.
        try:
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.exists():
            return path, lock
        os.close(lock)


def _remove_abandoned(path: Path) -> None:
    try:
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return  # another user's, or just removed by its process
    try:
        if os.fstat(lock).st_uid == os.getuid():
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
    except BlockingIOError:
        pass  # its process lives
    finally:
        os.close(lock)
