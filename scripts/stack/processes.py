"""Starts, watches and stops the stack's processes, each in a session of its own, with their children."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from scripts.errors import StackError
from scripts.stack.descendants import end_with_parent, kill_descendants
from scripts.stack.rotation import Rotation, begin
from scripts.stack.tail import last_lines

STOP_SECONDS = 8.0
KILL_SECONDS = 5.0
ROUND_SECONDS = 0.05


@dataclass(frozen=True)
class Service:
    """A service of the stack: the name, command and log of one process."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    folder: Path
    """Its working directory."""
    log: Path
    """Gets what it prints; an older log is replaced. See :mod:`scripts.stack.rotation` for one that grows large."""


class Processes:
    """The started services, in the order of their start.

    It is not a supervisor: a service that dies is an error, and is never restarted.
    """

    def __init__(self) -> None:
        self._running: list[tuple[Service, subprocess.Popen[bytes]]] = []
        self._rotation = Rotation(lambda: [service.log for service, _ in tuple(self._running)])

    def __len__(self) -> int:
        """Return the number of started services."""
        return len(self._running)

    def start(self, service: Service) -> int:
        """Start a service in a session of its own, where the terminal's Ctrl-C does not reach it; return its pid."""
        begin(service.log)
        with service.log.open("ab") as log:  # for appending, or the process would go on where it was after a rotation
            process = subprocess.Popen(
                service.command,
                env=dict(service.environment),
                cwd=service.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )
        self._running.append((service, process))
        self._rotation.start()
        return process.pid

    def check(self) -> None:
        """Check that every service still runs.

        Raises:
            StackError: One has ended; the message names it and ends with the end of its log.
        """
        for service, process in self._running:
            code = process.poll()
            if code is not None:
                raise StackError(
                    f"{service.name} ended by itself ({_ending(code)}). The end of its log:\n"
                    f"{last_lines(service.log)}\n"
                    f"All of it is in {service.log}. Look for the cause there, and repeat the command."
                )

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Stop every service, the last started first, and their children; kill what is left after `seconds`.

        Raises:
            StackError: Something could not even be killed.
        """
        for _, process in reversed(self._running):
            _signal_group(process, signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and any(process.poll() is None for _, process in self._running):
            time.sleep(ROUND_SECONDS)
        for _, process in self._running:
            _signal_group(process, signal.SIGKILL)
        left = kill_descendants(KILL_SECONDS)
        for _, process in self._running:
            process.poll()  # reaped with the others; its object has to know
        self._rotation.stop()
        self._running.clear()
        if left:
            raise StackError(f"These processes could not be killed: {', '.join(map(str, left))}. Look at them with ps.")


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Signal the session that the process leads; its members may outlive it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _ending(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
