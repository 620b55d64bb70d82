"""One node server and one tiny compiled pipeline for all tests of the node command."""

import importlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[2]
START_SECONDS = 120.0


def make_module_root(folder: Path) -> Path:
    """A folder with a copy of tfx_modules and the tiny pipeline, as a snapshot of the DAG bundle is one."""
    folder.mkdir(parents=True)
    shutil.copytree(REPOSITORY / "tfx_modules", folder / "tfx_modules", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("node_pipeline.py", "conditions_pipeline.py", "schema.pbtxt"):
        shutil.copy(HERE / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def module_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_module_root(tmp_path_factory.mktemp("snapshots") / "one")


@pytest.fixture(scope="session")
def compiled(module_root: Path) -> Path:
    sys.path.insert(0, str(module_root))
    try:
        pipeline = importlib.import_module("node_pipeline").compile_pipeline()
    finally:
        sys.path.remove(str(module_root))
    path = module_root / "tiny.json"
    path.write_text(json.dumps(json_format.MessageToDict(pipeline, preserving_proto_field_name=True)), encoding="utf-8")
    return path


@dataclass
class NodeServer:
    """A running node server."""

    process: subprocess.Popen[str]
    path: Path
    log: Path

    def connect(self) -> socket.socket:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.settimeout(60)
        client.connect(str(self.path))
        return client

    def send(self, message: object) -> socket.socket:
        client = self.connect()
        client.sendall(json.dumps(message).encode() + b"\n")
        return client


def start_server(folder: Path) -> NodeServer:
    folder.mkdir(mode=0o700, exist_ok=True)
    log = folder / "server.log"
    path = folder / "nodes" / "socket"
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tfx_modules.node.server", "--socket", str(path)],
            cwd=REPOSITORY,
            stdout=output,
            stderr=output,
            text=True,
            # A test of artifacts on S3 writes the file; nodes read it when they ask a store.
            env={**environment(), "AWS_CONFIG_FILE": str(folder / "aws.config")},
        )
    return NodeServer(process, path, log)


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def wait_until(condition: Any, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie that its parent has not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture(scope="session")
def node_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeServer]:
    server = start_server(tmp_path_factory.mktemp("s"))
    yield server
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(timeout=START_SECONDS) == 0, server.log.read_text(encoding="utf-8")


@dataclass(frozen=True)
class Ended:
    """How a node ended, and what it said."""

    code: int
    log: list[str]
    outcome: dict[str, Any] | None

    def __getattr__(self, name: str) -> Any:
        assert self.outcome is not None, "\n".join(self.log)
        return self.outcome[name]


@dataclass
class Nodes:
    """Runs nodes of the tiny pipeline on a metadata store of their own."""

    server: NodeServer
    module_root: Path
    pipeline: Path
    state: Path
    request: dict[str, Any] = field(default_factory=dict)

    def message(self, node: str, run_id: str, parameters: dict[str, Any], **changes: Any) -> dict[str, Any]:
        request = {
            "format": 1,
            "pipeline": str(self.pipeline),
            "node": node,
            "run_id": run_id,
            "pipeline_root": str(self.state / "pipeline"),
            "metadata": f"sqlite:///{self.state}/metadata/mlmd.db",
            "metadata_wait_seconds": 120,
            "shown_errors": 0,
            "ledger": f"sqlite:///{self.state}/ledger/ledger.db",
            "parameters": parameters,
            "use_cache": True,
            "gpu": "none",
            "outcome": str(self.state / "outcomes" / f"{node}-{run_id}.json"),
        }
        return {"module_root": str(self.module_root), "request": {**request, **changes}}

    def start(self, message: dict[str, Any]) -> socket.socket:
        return self.server.send(message)

    def finish(self, client: socket.socket, message: dict[str, Any]) -> Ended:
        with client, client.makefile("rb") as lines:
            answers = [json.loads(line) for line in lines]
        assert answers, "the server hung up without an answer"
        outcome = Path(message["request"]["outcome"])
        found = json.loads(outcome.read_text(encoding="utf-8")) if outcome.exists() else None
        assert all(answer.keys() == {"log"} for answer in answers[:-1])
        return Ended(answers[-1]["exit"], [answer["log"] for answer in answers[:-1]], found)

    def run(self, node: str, run_id: str = "run-1", changes: dict[str, Any] | None = None, **parameters: Any) -> Ended:
        message = self.message(node, run_id, parameters, **(changes or {}))
        return self.finish(self.start(message), message)


@pytest.fixture
def nodes(node_server: NodeServer, module_root: Path, compiled: Path, tmp_path: Path) -> Nodes:
    wait_until(lambda: re.search("node server ready", node_server.log.read_text(encoding="utf-8")), START_SECONDS)
    return Nodes(node_server, module_root, compiled, tmp_path)
