"""Sets the parent-death signal of a process (Linux), for which Python has no function."""

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PARENT_GONE = 1


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent ends, even if the parent is killed.

    Args:
        parent: process id of the parent; if it has ended already, this process exits at once.

    Raises:
        OSError: the kernel refused.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"prctl(PR_SET_PDEATHSIG): {os.strerror(error)}")
    if os.getppid() != parent:  # it ended before the signal was set
        os._exit(_PARENT_GONE)
