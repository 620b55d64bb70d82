"""A node server whose client or machine misbehaves: that session ends with an error, and all others go on."""

import json
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.listening import listening, open_to_others, process_tree
from tests.tfx_modules.node.conftest import REPOSITORY, environment
from tests.tfx_modules.node.test_node_server import SERVER, LightServer, answers, write_command

NO_FORK = REPOSITORY / "tests" / "support" / "no_fork.c"
DEEP = 700_000
FREE = 8
"""Open files that a starved server has left."""


@pytest.fixture(scope="module")
def no_fork(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with a ``fork`` that fails on demand; root has no limit of processes."""
    if shutil.which("gcc") is None:
        pytest.skip("There is no gcc, which makes the library. Install it.")
    library = tmp_path_factory.mktemp("library") / "no_fork.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", str(library), str(NO_FORK), "-ldl"], check=True)
    return library


@pytest.fixture
def server(tmp_path: Path, no_fork: Path) -> Iterator[LightServer]:
    path = tmp_path / "s" / "socket"
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(path)],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment() | {"LD_PRELOAD": str(no_fork), "NO_FORK": str(tmp_path / "no-fork")},
        )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    with process:
        yield LightServer(process, path, write_command(tmp_path / "root"))
        assert process.poll() is None, (tmp_path / "log").read_text()
        process.terminate()
        assert process.wait(timeout=10) == 0


@pytest.fixture
def running(server: LightServer, tmp_path: Path) -> Iterator[None]:
    """A node that runs all the while, and ends well afterwards."""
    until = tmp_path / "until"
    wait = f"""
import os, time
print('working', flush=True)
while not os.path.exists({str(until)!r}):
    time.sleep(0.02)
print('done')
"""
    client = server.send(wait)
    with client.makefile("rb", buffering=0) as lines:
        assert json.loads(lines.readline()) == {"log": "working"}
    yield
    until.touch()
    assert answers(client) == [{"log": "done"}, {"exit": 0}]


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize(
    "line",
    [
        b"[" * DEEP,
        b'{"module_root": "/", "request": ' + b'{"a":' * DEEP,
        b'{"module_root": ' + b"[" * 900 + b"]" * 900 + b', "request": 1}',
        b'{"module_root": "' + b"/x" * 5000 + b'", "request": 1}',
        b'{"module_root": "/\\u0000\\ud800", "request": 1}',
        b"9" * 100_000,
        b"\xff\xfe",
    ],
    ids=["deep list", "deep request", "deep root", "long root", "odd root", "long number", "no UTF-8"],
)
def test_a_line_that_cannot_be_read_ends_its_own_session(server: LightServer, line: bytes) -> None:
    said, ended = answers(server.send_line(line))

    assert "; allowed: " in said["log"]
    assert len(said["log"]) < 1000
    assert ended == {"exit": 2}
    assert answers(server.send("print('well')")) == [{"log": "well"}, {"exit": 0}]


@pytest.mark.usefixtures("running")
def test_a_client_that_sends_without_end_is_sent_away(server: LightServer) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.connect(str(server.path))
        with pytest.raises(ConnectionError):
            client.sendall(b"x" * (64 << 20))

    assert answers(server.send("print('well')")) == [{"log": "well"}, {"exit": 0}]


def limit_files(server: LightServer, free: int) -> None:
    pid = server.process.pid
    used = max(int(entry.name) for entry in Path(f"/proc/{pid}/fd").iterdir()) + 1
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + free, hard))


@pytest.mark.usefixtures("running")
def test_without_a_free_descriptor_new_clients_wait_and_others_go_on(server: LightServer, tmp_path: Path) -> None:
    limit_files(server, FREE)
    with ExitStack() as idle:
        for _ in range(FREE + 10):
            client = idle.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            client.connect(str(server.path))
        late = server.send("print('late')")
        before = cpu_seconds(server.process.pid)
        time.sleep(2)
        assert cpu_seconds(server.process.pid) - before < 0.5
    assert answers(late) == [{"log": "late"}, {"exit": 0}]
    said = (tmp_path / "log").read_text()
    assert said.count("the node server cannot accept a client ([Errno 24] Too many open files); allowed: ") == 1


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize("free", [1, 2])
def test_a_node_that_gets_no_descriptors_is_told_so(server: LightServer, free: int) -> None:
    limit_files(server, free)

    said, ended = answers(server.send("print('well')"))

    assert (
        "the node server cannot start a process for the node ([Errno 24] Too many open files); allowed: " in said["log"]
    )
    assert ended == {"exit": 75}
    limit_files(server, 20)
    assert answers(server.send("print('well')")) == [{"log": "well"}, {"exit": 0}]


@pytest.mark.usefixtures("running")
def test_a_node_that_cannot_be_forked_is_told_what_to_do(server: LightServer, tmp_path: Path) -> None:
    (tmp_path / "no-fork").touch()

    said, ended = answers(server.send("print('well')"))

    assert "cannot start a process for the node ([Errno 11] Resource temporarily unavailable); allowed: " in said["log"]
    assert "Let running nodes end, or raise the limit" in said["log"]
    assert ended == {"exit": 75}
    (tmp_path / "no-fork").unlink()
    assert answers(server.send("print('well')")) == [{"log": "well"}, {"exit": 0}]


@pytest.mark.usefixtures("running")
def test_the_server_and_its_nodes_listen_for_their_user_alone(server: LightServer) -> None:
    tree = process_tree(server.process.pid)

    assert [(each.kind, each.address) for each in listening(tree)] == [("unix", str(server.path))]
    assert open_to_others(tree) == []
