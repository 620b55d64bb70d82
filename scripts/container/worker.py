"""`python -m scripts.container.worker ARGUMENTS`: runs a Celery worker and its node server in one container.

They live and die together, so that the engine's restart policy restarts both: a worker without its node server would
take tasks and fail them. The arguments are those of `airflow celery worker`.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

SOCKET = "AIRFLOW__BERT_SERVICE__NODE_SOCKET"
ROUND_SECONDS = 0.2
SERVER_SECONDS = 300.0
KILL_SECONDS = 5.0
# Nodes run the user's code and need none of what Airflow's processes share; Python's variables are another version's.
KEPT_FROM_NODES = ("AIRFLOW", "PYTHON")


class Pair:
    """A node server and the Celery worker that uses it. Not a supervisor: when one of them ends, both do."""

    def __init__(self, root: Path, environ: Mapping[str, str]) -> None:
        self._root = root
        self._environ = dict(environ)
        self._socket = Path(environ[SOCKET])
        self._server: subprocess.Popen[bytes] | None = None
        self._worker: subprocess.Popen[bytes] | None = None
        self._ending = False

    def run(self, arguments: Sequence[str]) -> int:
        """Run both until one of them ends; return the worker's exit code, 1 where the server ended first."""
        self._socket.unlink(missing_ok=True)  # left by a container that was killed
        self._server = self._start_server()
        try:
            # Importing TFX takes half a minute; a task that came before would fail.
            deadline = time.monotonic() + SERVER_SECONDS
            while self._alive(self._server) and not self._socket.exists() and time.monotonic() < deadline:
                time.sleep(ROUND_SECONDS)
            if self._ending:
                return 0
            if not self._socket.exists():
                print("worker: the node server did not start; its output is above", file=sys.stderr, flush=True)
                return 1
            self._worker = subprocess.Popen(
                ["airflow", "celery", "worker", "--skip-serve-logs", *arguments], cwd=self._root, env=self._environ
            )
            return self._watch(self._server, self._worker)
        finally:
            self._stop()

    def end(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal: the worker finishes its tasks (Celery's warm shutdown), then the node server stops."""
        self._ending = True
        if self._worker is not None:
            self._worker.send_signal(number)

    def _start_server(self) -> subprocess.Popen[bytes]:
        python = self._root / ".venv" / "tfx" / "bin" / "python"
        kept = {name: value for name, value in self._environ.items() if not name.startswith(KEPT_FROM_NODES)}
        # A session of its own, or a signal to the group would end it before its nodes are done.
        return subprocess.Popen(
            [str(python), "-m", "tfx_modules.node.server", "--socket", str(self._socket)],
            cwd=self._root,
            env={**kept, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )

    def _watch(self, server: subprocess.Popen[bytes], worker: subprocess.Popen[bytes]) -> int:
        while worker.poll() is None:
            if server.poll() is not None:
                print(f"worker: the node server ended with {server.returncode}", file=sys.stderr, flush=True)
                return 1
            time.sleep(ROUND_SECONDS)
        return worker.returncode

    def _alive(self, server: subprocess.Popen[bytes]) -> bool:
        return server.poll() is None and not self._ending

    def _stop(self) -> None:
        for process in (self._worker, self._server):
            if process is not None and process.poll() is None:
                process.terminate()
                try:
                    process.wait(KILL_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()


def main(arguments: Sequence[str]) -> int:
    """Run worker and node server with the environment of the container."""
    pair = Pair(Path(os.environ["BERT_SERVICE_ROOT"]), os.environ)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, pair.end)
    return pair.run(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
