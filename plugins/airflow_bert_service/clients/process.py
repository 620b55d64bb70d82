"""Runs a node in a fresh process of the TFX environment."""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, cast

from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.installation import require_tfx_python
from airflow_bert_service.nodes.request import NodeRequest

KILL_AFTER_SECONDS = 3.0
"""Time that a cancelled node has to clean up. Airflow kills the task's own process 5 s after asking it to stop."""

_CANCEL_POLL_SECONDS = 0.05
_STREAM_POLL_SECONDS = 0.5
_CHUNK = 65536
# Airflow's settings are none of a node's business, and some are secrets. Python's would be those of another version,
# or, as PYTHONDONTWRITEBYTECODE does, make every import slow.
_KEPT_FROM_NODES = ("AIRFLOW", "_AIRFLOW", "PYTHON")


class SubprocessTransport:
    """Starts ``python -m tfx_modules.node`` for each node, in a session of its own.

    It imports TensorFlow anew each time (11 s or more), and needs nothing to be running. One object runs one node.
    """

    def __init__(self, *, python: Path, module_root: Path) -> None:
        self._python = python
        self._module_root = module_root
        self._process: subprocess.Popen[bytes] | None = None
        self._running = False
        self._cancelled = False

    def run(self, request: NodeRequest, log: Callable[[str], None]) -> int:
        """Run a node to its end.

        Args:
            request: What to run; written to a file beside the outcome.
            log: Called with every line of the node's output, without its line end.

        Returns:
            The exit code; negative: the signal that ended it.

        Raises:
            SettingsError: The TFX environment has no Python where the settings say.
        """
        path = request.outcome.with_name("request.json")
        request.write(path)
        self._running = True
        try:
            self._process = self._start(path)
            if self._cancelled:
                # The signal came while the process was being started.
                self.cancel()
            for line in lines_of(_chunks(_output(self._process), self._process.pid)):
                log(line)
            _end_group(self._process.pid)
            return self._reap(self._process)
        finally:
            self._running = False

    def cancel(self) -> None:
        """Kill the node's whole process group: ask it to stop, then force it after ``KILL_AFTER_SECONDS``.

        It may be called from a signal handler in the middle of :meth:`run`, which then goes on and reaps the process:
        ``Popen.wait`` holds a lock that a handler would wait for without end. Or it is called after a time-out has
        thrown :meth:`run` out of the middle of its work, and there is nobody else to reap.
        """
        self._cancelled = True
        process = self._process
        if process is None:
            return
        _signal_group(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + KILL_AFTER_SECONDS
        while time.monotonic() < deadline and not _has_ended(process.pid):
            time.sleep(_CANCEL_POLL_SECONDS)
        _signal_group(process.pid, signal.SIGKILL)
        if not self._running:
            self._reap(process)

    def _reap(self, process: subprocess.Popen[bytes]) -> int:
        self._process = None
        _output(process).close()
        return process.wait()

    def _start(self, request: Path) -> subprocess.Popen[bytes]:
        require_tfx_python(self._python, SettingsError)
        return subprocess.Popen(
            [str(self._python), "-m", "tfx_modules.node", str(request)],
            cwd=self._module_root,
            env=node_environment(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def node_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables of a node: without Airflow's and Python's, and with unbuffered output."""
    kept = {name: value for name, value in environ.items() if not name.startswith(_KEPT_FROM_NODES)}
    return {**kept, "PYTHONUNBUFFERED": "1"}


def _output(process: subprocess.Popen[bytes]) -> IO[bytes]:
    return cast(IO[bytes], process.stdout)  # it was started with a pipe


def lines_of(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the lines of an output that comes in chunks, each as soon as its end is there.

    Args:
        chunks: The output as it came; a chunk may end in the middle of a line, or of a character.

    Yields:
        Lines without their ends; what follows the last line end, too. Bytes that are not UTF-8 are escaped.
    """
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from map(_text, lines)
    if rest:
        yield _text(rest)


def _chunks(stream: IO[bytes], pid: int) -> Iterator[bytes]:
    """Yield an output until the stream ends, or the process has ended and all that it wrote is read.

    A process that the node left behind may hold the stream open; nobody waits for it.
    """
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while True:
            ended = _has_ended(pid)
            if selector.select(0 if ended else _STREAM_POLL_SECONDS):
                chunk = os.read(stream.fileno(), _CHUNK)
                if not chunk:
                    return
                yield chunk
            elif ended:
                return


def _text(line: bytes) -> str:
    return line.decode("utf-8", errors="backslashreplace").rstrip("\r")


def _has_ended(pid: int) -> bool:
    """Check whether a child has ended, without reaping it, so that its process id and group are not reused."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _end_group(pid: int) -> None:
    """Wait for the group's first process, and kill what it has left behind."""
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    _signal_group(pid, signal.SIGKILL)


def _signal_group(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        # The group is empty already.
        return
