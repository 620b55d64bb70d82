"""Runs the model server as a child process. Imports nothing but the standard library."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

from tfx_modules.serving.exceptions import ServerProcessError

MODULE_ROOT = Path(__file__).resolve().parents[2]  # the folder that holds tfx_modules/
STOP_SECONDS = 15.0  # a little more than the server's own deadline for draining
TAIL_LINES = 15

_READY = re.compile(r"^model server: gRPC on (?P<grpc>\S+), REST on (?P<rest>\S+)$", re.MULTILINE)


class ModelServerProcess:
    """A model server on free ports of the loopback address, in a session of its own. Not for production.

    A context manager: starts and waits on entry, stops on exit. The server also stops when the process that started it
    ends in whatever way.
    """

    def __init__(
        self,
        *,
        model_base_path: Path,
        model_name: str,
        poll_seconds: float = 1.0,
        ready_seconds: float = 120.0,
        python: str = sys.executable,
        flags: Sequence[str] = (),
    ) -> None:
        """Prepare; starts nothing.

        Args:
            model_base_path: the folder of the model's version folders.
            model_name: the name that requests carry.
            poll_seconds: the pause between polls of the base path.
            ready_seconds: how long entering the context may take.
            python: an interpreter that has TensorFlow.
            flags: more flags for the server.
        """
        self._model_base_path = model_base_path.absolute()
        self._model_name = model_name
        self._poll_seconds = poll_seconds
        self._ready_seconds = ready_seconds
        self._python = python
        self._flags = tuple(flags)
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    def __str__(self) -> str:
        return f"model server of {self._model_name} in {self._model_base_path}"

    def __enter__(self) -> "ModelServerProcess":
        self.start()
        try:
            self.wait_ready(timeout_seconds=self._ready_seconds)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the process; does not wait.

        Raises:
            ServerProcessError: it has been started before.
        """
        if self._process is not None:
            raise ServerProcessError(f"the {self} has been started before; make another one")
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in stop()
        self._process = subprocess.Popen(
            [
                self._python,
                "-m",
                "tfx_modules.serving",
                "--port=0",
                "--rest_api_port=0",
                f"--model_name={self._model_name}",
                f"--model_base_path={self._model_base_path}",
                f"--file_system_poll_wait_seconds={self._poll_seconds}",
                "--stop_when_stdin_closes",
                *self._flags,
            ],
            cwd=MODULE_ROOT,
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def wait_ready(self, *, timeout_seconds: float) -> None:
        """Wait until both ports answer. A model that was there from the beginning has then been loaded, or has failed.

        Raises:
            ServerProcessError: the process ended, or the time is over; with the end of its log.
        """
        process = self._started()
        deadline = time.monotonic() + timeout_seconds
        while _READY.search(self.logs()) is None:
            if process.poll() is not None:
                raise ServerProcessError(f"the {self} ended with code {process.returncode}:\n{self._tail()}")
            if time.monotonic() > deadline:
                raise ServerProcessError(f"the {self} was not ready in {timeout_seconds:.0f} s:\n{self._tail()}")
            time.sleep(0.05)

    @property
    def pid(self) -> int:
        """The process id, which is also that of its process group."""
        return self._started().pid

    @property
    def exit_code(self) -> int | None:
        """How the process ended, negative for a signal; None while it runs."""
        return self._started().poll()

    @property
    def grpc_address(self) -> str:
        """``host:port`` of gRPC; there once the server is ready."""
        return self._endpoint("grpc")

    @property
    def rest_url(self) -> str:
        """``http://host:port`` of REST, https with TLS; there once the server is ready."""
        return self._endpoint("rest")

    def logs(self) -> str:
        """Return all that the server has written so far; empty before the start and after the stop."""
        if self._log is None:
            return ""
        descriptor = self._log.fileno()
        # Not read(): parent and child share one file position, at which the child writes.
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode("utf-8", "replace")

    def stop(self) -> None:
        """Let the server drain, and end it if it does not; harmless when it is not running."""
        if self._process is None:
            return
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self._log is not None:
            self._log.close()
            self._log = None

    def _signal(self, number: int) -> None:
        process = self._started()
        if process.poll() is None:
            os.killpg(process.pid, number)

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            raise ServerProcessError(f"the {self} has not been started; call start() first")
        return self._process

    def _endpoint(self, name: str) -> str:
        match = _READY.search(self.logs())
        if match is None:
            raise ServerProcessError(f"the {self} is not ready; call wait_ready() first")
        return match[name]

    def _tail(self) -> str:
        return "\n".join(self.logs().splitlines()[-TAIL_LINES:])
