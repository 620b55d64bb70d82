"""Finds and kills processes that a child process left behind. Linux only: it reads /proc.

A task may start a node in a session of its own, so that killing process groups does not reach every one. As their
"subreaper" (prctl(2)), this process inherits those whose parent ends, and so finds them all among its descendants.
"""

import ctypes
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
PROC = Path("/proc")
NUM_THREADS = 20 - 3  # proc_pid_stat(5) counts from the process id, we from the state
ROUND_SECONDS = 0.05

_libc = ctypes.CDLL(None, use_errno=True)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def end_with_parent() -> None:
    """Ask for SIGTERM when the parent is killed without a chance to stop its children; called in a new child."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def descendants(pid: int) -> list[int]:
    """Return the living processes below `pid`, parents before children; what only waits to be reaped does not count."""
    children: dict[int, list[int]] = {}
    for child, parent in _parents():
        children.setdefault(parent, []).append(child)
    found: list[int] = []
    queue = [pid]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


def kill_descendants(seconds: float) -> list[int]:
    """Kill every process below this one, again and again until none is left or `seconds` have passed.

    Returns:
        What is still alive; empty unless a process hangs in the kernel.
    """
    deadline = time.monotonic() + seconds
    while left := descendants(os.getpid()):
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        reap()
        if time.monotonic() > deadline:
            return left
        time.sleep(ROUND_SECONDS)
    reap()
    return []


def reap() -> None:
    """Take the exit status of every child that has ended, adopted ones too."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _parents() -> Iterator[tuple[int, int]]:
    for entry in PROC.iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(FileNotFoundError, ProcessLookupError):
            # The name, in parentheses, may hold spaces and parentheses; state and parent follow the last one.
            fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
            state, parent, threads = fields[0], int(fields[1]), int(fields[NUM_THREADS])
            # A zombie with other threads still runs: it may start processes, and cannot be reaped.
            if state not in ("Z", "X") or threads > 1:
                yield int(entry.name), parent


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {os.strerror(number)}")
