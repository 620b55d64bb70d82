"""What a real engine does not show on command: a stand-in engine answers slowly, and records what it is asked for.

It speaks Docker's HTTP interface on a Unix socket and keeps containers as states; nothing runs in them. Nodes in a real
engine's containers are in `tests/plugins/operators/test_node_container.py`.
"""

import gc
import json
import os
import signal
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from airflow_bert_service.clients.container import VARIABLES, ContainerTransport
from airflow_bert_service.exceptions import ContainerError
from airflow_bert_service.nodes.container import ALL_GPUS, ContainerMount, NodeContainer
from airflow_bert_service.nodes.request import NodeRequest

WAIT_SECONDS = 20.0
OUTPUT = "größer ✓\nno line end".encode()
LABELS = {"state": "/state", "task-id": "Trainer"}
# Docker's client leaves the connection that a container's output came by to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")


class Engine(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """An engine with at most one container."""

    daemon_threads = True

    def __init__(self, address: str, *, has_image: bool = True, ends_with: int | None = 0) -> None:
        self.has_image, self.ends_with = has_image, ends_with
        self.asked: dict[str, Any] = {}
        self.state = "absent"
        self.code = 0
        self.ended = threading.Event()
        self.before: dict[str, Callable[[], None]] = {}
        super().__init__(address, Handler)

    def start(self) -> None:
        self.state = "running"
        if self.ends_with is not None:
            self.end(self.ends_with)

    def end(self, code: int) -> None:
        if self.state == "running":
            self.state, self.code = "ended", code
            self.ended.set()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Engine

    def address_string(self) -> str:
        return "client"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        pass

    def answer(self, value: object = None, code: int = 200) -> None:
        body = b"" if value is None else json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def reached(self, moment: str) -> None:
        self.server.before.get(moment, lambda: None)()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/version":
            self.reached("connect")
            self.answer({"ApiVersion": "1.41"})
        elif "/images/" in path:
            self.answer(
                {"Id": "sha256:1"} if self.server.has_image else {"message": "no"},
                200 if self.server.has_image else 404,
            )
        elif path.endswith("/containers/json"):
            self.answer([] if self.server.state == "absent" else [{"Id": "c1"}])
        else:
            self.answer({"Config": {"Tty": False}})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        action = self.path.partition("?")[0].rpartition("/")[2]
        if "/images/create" in self.path:
            return self.pull()
        self.reached(action)
        if action == "create":
            self.server.asked = json.loads(body)
            self.server.state = "created"
            return self.answer({"Id": "c1"}, 201)
        if self.server.state == "absent":
            return self.answer({"message": "no such container"}, 404)
        if action == "attach":
            return self.attach()
        if action == "wait":
            self.server.ended.wait(WAIT_SECONDS)
            return self.answer({"StatusCode": self.server.code})
        if action == "start":
            self.server.start()
        elif action == "stop":
            self.server.end(128 + signal.SIGTERM)
        return self.answer(code=204)

    def do_DELETE(self) -> None:
        self.server.state = "absent"
        self.answer(code=204)

    def pull(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for status in ("Downloading", "Downloading", "Download complete"):
            line = json.dumps({"id": "layer", "status": status}).encode() + b"\r\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            self.reached("pull")
        self.wfile.write(b"0\r\n\r\n")
        self.server.has_image = True

    def attach(self) -> None:
        """Send the container's output once it has ended, each byte of it in a frame of its own."""
        self.send_response(101)
        self.send_header("Content-Type", "application/vnd.docker.raw-stream")
        self.end_headers()
        self.wfile.flush()
        self.server.ended.wait(WAIT_SECONDS)
        for byte in OUTPUT:
            self.wfile.write(struct.pack(">BxxxLB", 1, 1, byte))
        self.close_connection = True


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with Engine(str(tmp_path / "docker.sock")) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        gc.collect()  # here, where the warning of it is passed over
        server.ended.set()
        server.shutdown()
        thread.join()


def transport(engine: Engine, **changes: Any) -> ContainerTransport:
    given = {"image": "worker:1", "python": "/python", "mounts": (), "engine": f"unix://{engine.server_address!s}"}
    return ContainerTransport(
        container=NodeContainer(**{**given, **changes}), module_root=Path("/code"), labels=LABELS, try_number=3
    )


def request(folder: Path) -> NodeRequest:
    places = {"pipeline": folder / "p.json", "pipeline_root": folder, "outcome": folder / "o.json"}
    return NodeRequest(
        node="Trainer",
        run_id="r",
        parameters={},
        use_cache=True,
        metadata="sqlite://",
        metadata_wait_seconds=120,
        ledger="sqlite://",
        **places,  # type: ignore[arg-type]
    )


def test_lines_come_whole_although_characters_are_cut(engine: Engine, tmp_path: Path) -> None:
    lines: list[str] = []
    assert transport(engine).run(request(tmp_path), lines.append) == 0
    assert lines == ["starting a container of image worker:1", "größer ✓", "no line end"]
    assert engine.state == "absent"


def test_what_the_engine_is_asked_for(engine: Engine, tmp_path: Path) -> None:
    mounts = (ContainerMount("state", Path("/state")), ContainerMount("/data", Path("/encoders"), read_only=True))
    chosen = transport(engine, mounts=mounts, network="backend", memory="8g", gpus=ALL_GPUS)
    chosen.run(request(tmp_path), print)
    asked, host = engine.asked, engine.asked["HostConfig"]
    assert (asked["Image"], asked["WorkingDir"]) == ("worker:1", "/code")
    assert asked["Cmd"] == ["/python", "-m", "tfx_modules.node", str(tmp_path / "request.json")]
    assert asked["User"] == f"{os.getuid()}:{os.getgid()}"
    assert asked["Env"] == [f"{name}={value}" for name, value in VARIABLES.items()]
    assert asked["Labels"] == {
        "bert-service.state": "/state",
        "bert-service.task-id": "Trainer",
        "bert-service.try-number": "3",
    }
    assert (host["Init"], host["SecurityOpt"]) == (True, ["no-new-privileges:true"])
    assert (host["NetworkMode"], host["Memory"]) == ("backend", 8 * 1024**3)
    assert [(r["Count"], r["Capabilities"]) for r in host["DeviceRequests"]] == [(-1, [["gpu"]])]
    assert [(m["Type"], m["Source"], m["Target"], m["ReadOnly"]) for m in host["Mounts"]] == [
        ("volume", "state", "/state", False),
        ("bind", "/data", "/encoders", True),
    ]


def test_an_image_that_the_engine_does_not_have_is_pulled(engine: Engine, tmp_path: Path) -> None:
    engine.has_image = False
    lines: list[str] = []
    assert transport(engine).run(request(tmp_path), lines.append) == 0
    pulling = ["::group::Pulling image worker:1", "layer: Downloading", "layer: Download complete", "::endgroup::"]
    assert lines[:4] == pulling


@pytest.mark.parametrize(
    ("code", "seen"), [(3, 3), (128 + signal.SIGKILL, -signal.SIGKILL)], ids=["exit code", "signal"]
)
def test_the_exit_code(engine: Engine, tmp_path: Path, code: int, seen: int) -> None:
    engine.ends_with = code
    assert transport(engine).run(request(tmp_path), print) == seen


def test_a_code_of_a_node_that_was_not_started_names_the_setting(engine: Engine, tmp_path: Path) -> None:
    engine.ends_with = 127
    with pytest.raises(ContainerError, match=r"could not start /python .*Correct container_python"):
        transport(engine).run(request(tmp_path), print)


@pytest.mark.parametrize("moment", ["connect", "pull", "create", "attach", "start", "wait"])
def test_a_cancelled_node_is_stopped_and_removed_whenever_the_signal_comes(
    engine: Engine, tmp_path: Path, moment: str
) -> None:
    """The signal comes before the engine has done what it was asked for at that moment."""
    engine.has_image = moment != "pull"
    engine.ends_with = 0 if moment == "wait" else None
    node, cancelled = transport(engine), threading.Event()

    def cancel(*_: object) -> None:
        node.cancel()
        cancelled.set()

    def interrupt() -> None:
        engine.before.clear()
        os.kill(os.getpid(), signal.SIGUSR1)
        assert cancelled.wait(WAIT_SECONDS)

    engine.before[moment] = interrupt
    before = signal.signal(signal.SIGUSR1, cancel)
    try:
        code = node.run(request(tmp_path), print)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert cancelled.is_set()
    assert code == {"wait": 0, "start": -signal.SIGTERM}.get(moment, -signal.SIGKILL)
    assert engine.state == "absent"
