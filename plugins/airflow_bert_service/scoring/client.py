"""Runs the scoring command of the TFX environment."""

import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO, cast

from airflow_bert_service.clients.process import node_environment
from airflow_bert_service.clients.tfx_command import last_line, missing_python
from airflow_bert_service.exceptions import ScoringError, ScoringRefusedError
from airflow_bert_service.scoring.report import ScoringReport, read_report
from airflow_bert_service.scoring.request import ScoringRequest, lines_of
from airflow_bert_service.scoring.texts import DayText

REFUSED = 3
"""The command's exit code where there is no such version."""
_KEPT_LINES = 50

Process = subprocess.Popen[bytes]


class ScoringClient:
    """Runs ``python -m tfx_modules.scoring`` once. It does not import Airflow, and is not an Airflow hook.

    The command gets the texts while it scores, so that a day is never in memory as a whole. Killing it at any moment is
    harmless: it writes the day's scores whole, or not at all.

    Args:
        tfx_python: The TFX environment's Python.
        module_root: The folder that holds ``tfx_modules``.
    """

    def __init__(self, *, tfx_python: Path, module_root: Path) -> None:
        self._python = tfx_python
        self._module_root = module_root
        self._process: Process | None = None
        self._cancelled = False

    def run(self, request: ScoringRequest, texts: Iterable[DayText], log: Callable[[str], None]) -> ScoringReport:
        """Score a day.

        Args:
            request: Which day, with which version, and where the scores go.
            texts: The day's rows. An error that they raise ends the command, and the day is as it was.
            log: Called with every line of the command's log, in another thread.

        Raises:
            ScoringRefusedError: There is no such version.
            ScoringError: The command failed, was cancelled, or printed something else than a report.
            SettingsError: The TFX environment has no Python where the settings say.
        """
        process = self._process = self._start()
        kept: deque[str] = deque(maxlen=_KEPT_LINES)
        reader = threading.Thread(target=_read_log, args=(cast(IO[bytes], process.stderr), kept, log), daemon=True)
        reader.start()
        try:
            if self._cancelled:
                self.cancel()  # the signal came while the process was being started
            # The ledger's address may hold a password: command lines and environments can be read by others.
            _send(process, lines_of(request, texts))
            printed = cast(IO[bytes], process.stdout).read().decode(errors="backslashreplace")
            code = process.wait()
        finally:
            _end(process)
            reader.join()
        if self._cancelled:
            raise ScoringError(f"scoring {request.day} was stopped: its task was cancelled. The day is as it was.")
        if code != 0:
            reason = last_line("\n".join(kept), hidden={request.ledger: "the ledger"})
            kind = ScoringRefusedError if code == REFUSED else ScoringError
            raise kind(f"tfx_modules.scoring: {reason} (exit code {code})")
        return read_report(printed, request.day)

    def cancel(self) -> None:
        """Stop the command's process group. It may be called from a signal handler in the middle of :meth:`run`."""
        self._cancelled = True
        if self._process is not None and self._process.returncode is None:
            _signal(self._process, signal.SIGTERM)

    def _start(self) -> Process:
        try:
            return subprocess.Popen(
                [str(self._python), "-m", "tfx_modules.scoring"],
                cwd=self._module_root,
                env=node_environment(os.environ),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise missing_python(self._python, self._module_root) from error


def _send(process: Process, lines: Iterable[str]) -> None:
    """Write lines to the command; one that has ended early says why on standard error."""
    stream = cast(IO[bytes], process.stdin)
    for line in lines:
        if not _takes(stream, f"{line}\n".encode()):
            break
    with suppress(BrokenPipeError):
        stream.close()


def _takes(stream: IO[bytes], line: bytes) -> bool:
    try:
        stream.write(line)
    except BrokenPipeError:
        return False
    return True


def _read_log(stream: IO[bytes], kept: deque[str], log: Callable[[str], None]) -> None:
    with stream:
        for line in stream:
            text = line.decode(errors="backslashreplace").rstrip()
            if text:
                kept.append(text)
                log(text)


def _end(process: Process) -> None:
    """End a command that the caller no longer waits for, and close the pipes."""
    if process.poll() is None:
        _signal(process, signal.SIGKILL)
        process.wait()
    for stream in (process.stdin, process.stdout):
        with suppress(BrokenPipeError):
            cast(IO[bytes], stream).close()


def _signal(process: Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
