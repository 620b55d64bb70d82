"""What the kernel is asked for that Python has no word for."""

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PARENT_GONE = 1


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent is gone, even if that was killed itself.

    Args:
        parent: process id of the parent; where it is gone already, this process ends now.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it was gone before the kernel knew
        os._exit(_PARENT_GONE)
