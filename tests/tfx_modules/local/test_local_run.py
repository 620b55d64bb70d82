"""Several nodes run in one process, which has the user's terminal: a breakpoint works, and Ctrl-C ends it cleanly."""

import importlib
import json
import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto.metadata_store_pb2 import Execution

from tests.tfx_modules.node.conftest import REPOSITORY, environment
from tfx_modules.node.connection import connection_config
from tfx_modules.pipeline.compile import to_json

HERE = Path(__file__).parent
SECONDS = 120.0
TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # Ctrl-C becomes a signal for this process
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@dataclass(frozen=True)
class Steps:
    """The pipeline of steps_pipeline.py, in a folder of its own."""

    folder: Path

    def requests(self, state: str, **actions: str) -> list[str]:
        """Write a request for each node; a node without an action has nothing to do but write its output."""
        nodes = ("First", "Second", "Third")
        return [self._request(state, node, actions.get(node, "nothing")) for node in nodes]

    def outcome(self, state: str, node: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / state / f"{node}.outcome.json").read_text(encoding="utf-8"))
        return found

    def executions(self, state: str) -> list[str]:
        """Return the states of the executions that ML Metadata knows."""
        store = MetadataStore(connection_config(f"sqlite:///{self.folder}/{state}/mlmd.db"))
        return [Execution.State.Name(item.last_known_state) for item in store.get_executions()]

    def outputs(self, state: str) -> list[str]:
        """Return the nodes that have left outputs."""
        return sorted({path.parts[-4] for path in (self.folder / state / "pipeline").rglob("half")})

    def _request(self, state: str, node: str, action: str) -> str:
        folder = self.folder / state
        folder.mkdir(exist_ok=True)
        path = folder / f"{node}.json"
        request = {
            "format": 1,
            "pipeline": str(self.folder / "steps.json"),
            "node": node,
            "run_id": "local",
            "pipeline_root": str(folder / "pipeline"),
            "metadata": f"sqlite:///{folder}/mlmd.db",
            "metadata_wait_seconds": 120,
            "shown_errors": 0,
            "ledger": f"sqlite:///{folder}/ledger.db",
            "parameters": {f"action_of_{node}": action},
            "use_cache": True,
            "gpu": "none",
            "outcome": str(folder / f"{node}.outcome.json"),
        }
        path.write_text(json.dumps(request), encoding="utf-8")
        return str(path)


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> Steps:
    folder = tmp_path_factory.mktemp("steps")
    (folder / "tfx_modules").symlink_to(REPOSITORY / "tfx_modules")
    shutil.copy(HERE / "steps_pipeline.py", folder)
    sys.path.insert(0, str(folder))
    try:
        pipeline = importlib.import_module("steps_pipeline").compile_pipeline()
    finally:
        sys.path.remove(str(folder))
    (folder / "steps.json").write_text(to_json(pipeline), encoding="utf-8")
    return Steps(folder)


class Terminal:
    """A terminal in which a command runs."""

    def __init__(self, process: "subprocess.Popen[bytes]", end: int) -> None:
        self.process = process
        self._end = end
        self.shown = ""

    def wait_for(self, text: str) -> None:
        """Read until a text is shown that was not there before."""
        before, deadline = len(self.shown), time.monotonic() + SECONDS
        while text not in self.shown[before:]:
            assert time.monotonic() < deadline, self.shown
            if select.select([self._end], [], [], 1.0)[0]:
                self.shown += os.read(self._end, 65536).decode(errors="replace")

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._end, keys.encode())


@contextmanager
def terminal(command: list[str], folder: Path) -> Iterator[Terminal]:
    """Run a command as a shell does: in the foreground of a terminal."""
    end, its_end = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", TAKE_TERMINAL, *command],
        cwd=folder,
        env=environment(),
        stdin=its_end,
        stdout=its_end,
        stderr=its_end,
        start_new_session=True,
    )
    os.close(its_end)
    try:
        yield Terminal(process, end)
    finally:
        process.kill()
        process.wait()
        os.close(end)


def test_a_breakpoint_stops_in_the_users_terminal_and_ctrl_c_leaves_nothing_half_written(steps: Steps) -> None:
    requests = steps.requests("debugged", First="stop", Second="wait")
    with terminal(["-m", "tfx_modules.local", *requests], steps.folder) as shown:
        shown.wait_for("(Pdb)")
        shown.type("secret + 1\n")
        shown.wait_for("43")
        shown.type("continue\n")
        shown.wait_for("[1/3] First: complete")
        shown.wait_for("waiting")
        shown.type("\x03")
        assert shown.process.wait(SECONDS) == 130
        assert "Traceback" not in shown.shown

    assert steps.outcome("debugged", "First")["state"] == "complete"
    assert sorted(steps.executions("debugged")) == ["COMPLETE", "FAILED"]
    assert steps.outputs("debugged") == ["First"]
    assert not (steps.folder / "debugged" / "Third.outcome.json").exists()


def test_the_first_node_that_fails_ends_the_run_and_says_why(steps: Steps) -> None:
    command = [sys.executable, "-m", "tfx_modules.local", *steps.requests("failed", Second="fail")]
    done = subprocess.run(
        command, cwd=steps.folder, env=environment(), capture_output=True, text=True, timeout=SECONDS, check=False
    )

    assert done.returncode == 1, done.stderr
    told = [line.partition(" (")[0] for line in done.stdout.splitlines() if line.startswith("[")]
    assert told == [
        "[1/3] First ...",
        "[1/3] First: complete",
        "[2/3] Second ...",
        "[2/3] Second: failed: RuntimeError: nothing was to be found",
    ]
    assert "steps_pipeline.py" in done.stderr, "the traceback says where"
    assert steps.outputs("failed") == ["First"]


def test_a_file_that_is_no_request_is_refused_before_anything_runs(steps: Steps) -> None:
    (steps.folder / "other.json").write_text("{}", encoding="utf-8")
    command = [sys.executable, "-m", "tfx_modules.local", "other.json"]
    done = subprocess.run(command, cwd=steps.folder, env=environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "request field format is None; allowed: 1" in done.stderr
