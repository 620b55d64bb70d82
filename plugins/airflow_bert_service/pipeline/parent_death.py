"""`python parent_death.py PARENT COMMAND...`: runs COMMAND, which the kernel kills when the process PARENT ends.

The kernel does the killing (``PR_SET_PDEATHSIG`` of Linux' prctl(2), which outlasts exec), so it happens however the
parent ends. It is done here, in a process that runs nothing else yet: between fork and exec of a parent with threads it
would not be safe.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(arguments: Sequence[str]) -> NoReturn:
    """Replace this process with the command; exit with 1 where the parent has ended already."""
    parent, *command = arguments
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"prctl(PR_SET_PDEATHSIG): {os.strerror(error)}")
    if os.getppid() != int(parent):
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 (no shell on purpose)


if __name__ == "__main__":
    main(sys.argv[1:])
