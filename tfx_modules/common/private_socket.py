"""Checks that a Unix socket is for one user alone: its folder keeps others out, whatever the socket's own mode."""

import os
import stat
from pathlib import Path

from tfx_modules.exceptions import PipelineError

LONGEST = 107
"""Bytes of a Unix socket's path on Linux (``sun_path`` has 108, with the closing zero); see unix(7)."""
_FOR_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def prepare(path: Path, error: type[PipelineError]) -> Path:
    """Make the folder of a socket where it is missing, for this user alone.

    Args:
        path: the socket's.
        error: the class of the error.

    Returns:
        The absolute path.

    Raises:
        PipelineError: of that class; the path is too long, or its folder is open to others.
    """
    path = path.absolute()
    size = len(os.fsencode(path))
    if size > LONGEST:
        raise error(
            f"socket path {path} has {size} bytes; allowed: {LONGEST}. Choose a shorter one, for instance under /run."
        )
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.parent.stat()
    if found.st_uid != os.getuid() or found.st_mode & _FOR_OTHERS:
        raise error(
            f"socket folder {path.parent} has mode {stat.S_IMODE(found.st_mode):o} and owner {found.st_uid}; "
            f"allowed: mode 700, owner {os.getuid()}. Run `chmod 700 {path.parent}`, or choose another folder."
        )
    return path
