"""Starts, cancels and reaps the process of a node."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfx_modules.node.server import child

KILL_AFTER_SECONDS = 3.0
"""Time that a cancelled node has between SIGTERM and SIGKILL."""

_CRASHED = 1
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class NodeProcess:
    """A forked child in a session of its own; killing it kills all that it has started."""

    def __init__(self, pid: int, output: int) -> None:
        self.output = output
        """Read end of the pipe that takes what the node prints."""
        self.ended = os.pidfd_open(pid)
        """File descriptor that is readable when the process has ended."""
        self.kill_at: float | None = None
        """When a cancelled node is killed, in seconds of ``time.monotonic``."""
        self._pid = pid
        self._output_open = True

    @classmethod
    def fork(cls, *, module_root: Path, request: Any, in_child: Callable[[], None]) -> "NodeProcess":
        """Start a node.

        Args:
            module_root: folder whose ``tfx_modules`` the node uses.
            request: the request's fields.
            in_child: called in the fork first; closes what is the server's.

        Raises:
            OSError: the machine or a limit allows no further process or file descriptor; nothing is left of the node.
        """
        output, its_output = os.pipe2(os.O_CLOEXEC)
        try:
            os.set_blocking(output, False)
            pid = _fork(output, in_child, module_root, request, its_output)
        except OSError:
            os.close(output)
            raise
        finally:
            os.close(its_output)
        try:
            return cls(pid, output)
        except OSError:
            # Without a file descriptor of the process, nobody would see its end.
            os.close(output)
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise

    def cancel(self) -> None:
        """Ask the node to stop; the caller calls ``kill`` when ``kill_at`` has come."""
        if self.kill_at is None:
            self.kill_at = time.monotonic() + KILL_AFTER_SECONDS
            self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the node and what it has started."""
        self.kill_at = None
        self._signal(signal.SIGKILL)

    def reap(self) -> int:
        """Wait for the ended process, and kill the processes that it has left behind.

        Returns:
            Its exit code; negative: the signal that ended it.
        """
        # Before the wait: as long as the process is not waited for, its group's id cannot be another's.
        self.kill()
        os.close(self.ended)
        _, status = os.waitpid(self._pid, 0)
        return os.waitstatus_to_exitcode(status)

    def close_output(self) -> None:
        """Close ``output``, which nobody may watch then."""
        if self._output_open:
            self._output_open = False
            os.close(self.output)

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self._pid, number)
        except ProcessLookupError:
            # The child has not made a session of its own yet.
            os.kill(self._pid, number)


def _fork(servers_end: int, in_child: Callable[[], None], module_root: Path, request: Any, its_output: int) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    server = os.getpid()
    # Until the child has its own handlers, a signal that is sent to it would be taken for the server's.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        pid = os.fork()
    except OSError:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        raise
    if pid == 0:
        try:
            os.close(servers_end)
            in_child()
            child.run(module_root=module_root, request=request, output=its_output, server=server)
        finally:
            # The child must never enter the server's loop.
            os._exit(_CRASHED)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return pid
