"""The server with nodes of a few lines, so that what happens to processes and sockets can be seen in a moment."""

import json
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.tfx_modules.node.conftest import REPOSITORY, Nodes, environment, is_alive, make_module_root, wait_until
from tfx_modules.exceptions import NodeError
from tfx_modules.node.server import address

# The server as it is, but for the libraries that it imports first.
SERVER = """
import sys
from pathlib import Path
from tfx_modules.node.server import address
from tfx_modules.node.server.loop import Server
with Server(address.listen(Path(sys.argv[1]))) as server:
    print("ready", flush=True)
    server.serve()
"""

# A node command that does what its request says, in Python.
COMMAND = """
def run_fields(request):
    import os, signal, subprocess, sys, time
    import numpy as np
    names = {}
    exec(request["code"], {**locals(), "__name__": "node"}, names)
    return names.get("code", 0)
"""

FAMILY = """
child = subprocess.Popen(["sh", "-c", "trap '' TERM; while true; do sleep 1; done"])
print(os.getpid(), child.pid, flush=True)
"""


@dataclass(frozen=True)
class LightServer:
    process: subprocess.Popen[str]
    path: Path
    module_root: Path

    def send(self, code: str, module_root: Path | None = None) -> socket.socket:
        message = {"module_root": str(module_root or self.module_root), "request": {"code": code}}
        return self.send_line(json.dumps(message).encode())

    def send_line(self, line: bytes) -> socket.socket:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.settimeout(30)
        client.connect(str(self.path))
        client.sendall(line + b"\n")
        return client


def answers(client: socket.socket) -> list[dict[str, Any]]:
    with client, client.makefile("rb") as lines:
        return [json.loads(line) for line in lines]


def family(client: socket.socket) -> list[int]:
    """The process ids that FAMILY prints."""
    with client.makefile("rb", buffering=0) as lines:  # what comes after them is for the next reader
        return [int(word) for word in json.loads(lines.readline())["log"].split()]


def write_command(folder: Path, code: str = COMMAND) -> Path:
    package = folder / "tfx_modules" / "node"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / "command.py").write_text(code, encoding="utf-8")
    return folder


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LightServer]:
    path = tmp_path / "s" / "socket"
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(path)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    with process:
        yield LightServer(process, path, write_command(tmp_path / "root"))
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=10) == 0


def test_lines_of_both_streams_come_in_order_and_the_exit_code_last(server: LightServer) -> None:
    client = server.send("print('one'); print('two', file=sys.stderr); os.system('echo three'); code = 7")

    assert answers(client) == [{"log": "one"}, {"log": "two"}, {"log": "three"}, {"exit": 7}]


def test_output_of_any_bytes_and_without_a_line_end_is_told(server: LightServer) -> None:
    client = server.send(r"os.write(1, b'caf\xc3\xa9 \xff\r\n\nend')")

    assert answers(client) == [{"log": "café \\xff"}, {"log": ""}, {"log": "end"}, {"exit": 0}]


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [("os.kill(os.getpid(), signal.SIGSEGV)", -11), ("sys.exit(3)", 3), ("sys.exit('no')", 1), ("1 / 0", 1)],
)
def test_any_end_of_a_node_is_told_as_a_code(server: LightServer, code: str, exit_code: int) -> None:
    assert answers(server.send(code))[-1] == {"exit": exit_code}


def test_an_error_of_the_node_is_in_its_log(server: LightServer) -> None:
    assert {"log": "ZeroDivisionError: division by zero"} in answers(server.send("1 / 0"))


def test_a_node_is_like_a_process_of_its_own(server: LightServer) -> None:
    code = (
        "print(os.getcwd(), sys.path[0], os.getsid(0) == os.getpid(), signal.getsignal(signal.SIGTERM) == 0, "
        "sys.stdin.read() == '', [fd for fd in os.listdir('/proc/self/fd') if int(fd) > 3])"
    )

    with server.send("time.sleep(600)"):  # what belongs to this one shall not be the other's
        first, _ = answers(server.send(code))

    root = str(server.module_root)
    assert first["log"].split() == [root, root, "True", "True", "True", "[]"]


def test_each_node_uses_the_code_of_its_own_module_root(server: LightServer, tmp_path: Path) -> None:
    other = write_command(tmp_path / "other", "def run_fields(request):\n    print('other code')\n    return 0\n")

    before = answers(server.send("print('first code')"))
    between = answers(server.send("", module_root=other))
    after = answers(server.send("print('first code')"))

    assert [lines[0]["log"] for lines in (before, between, after)] == ["first code", "other code", "first code"]


def test_forks_do_not_draw_the_same_random_numbers(server: LightServer) -> None:
    code = "import random; print(np.random.random(), random.random())"

    drawn = [answers(server.send(code))[0]["log"].split() for _ in range(2)]

    assert drawn[0][0] != drawn[1][0]
    assert drawn[0][1] != drawn[1][1]


def test_two_nodes_run_at_once(server: LightServer, tmp_path: Path) -> None:
    wait = f"""
import pathlib
here = pathlib.Path({str(tmp_path)!r})
(here / str(os.getpid())).touch()
deadline = time.time() + 20
while len([item for item in here.iterdir() if item.name.isdigit()]) < 2 and time.time() < deadline:
    time.sleep(0.01)
code = int(time.time() > deadline)
"""
    clients = [server.send(wait) for _ in range(2)]

    assert [answers(client) for client in clients] == [[{"exit": 0}]] * 2


def test_a_client_that_does_not_read_stops_nobody_else_and_loses_nothing(server: LightServer) -> None:
    lines = 8000
    slow = server.send(f"for number in range({lines}): print(number, 'x' * 1000)")

    assert answers(server.send("print('quick')")) == [{"log": "quick"}, {"exit": 0}]
    told = answers(slow)

    assert [line["log"].split()[0] for line in told[:-1]] == [str(number) for number in range(lines)]
    assert told[-1] == {"exit": 0}


def test_a_client_that_closes_the_connection_ends_the_node_and_its_children(server: LightServer) -> None:
    client = server.send(FAMILY + "time.sleep(600)")
    pids = family(client)

    client.close()

    wait_until(lambda: not any(map(is_alive, pids)))


def test_a_client_that_only_stops_sending_is_told_how_the_node_ended(server: LightServer) -> None:
    client = server.send(FAMILY + "time.sleep(600)")
    pids = family(client)

    client.shutdown(socket.SHUT_WR)

    assert answers(client)[-1] == {"exit": -signal.SIGTERM}
    wait_until(lambda: not any(map(is_alive, pids)))


def test_a_node_that_ignores_sigterm_is_killed(server: LightServer) -> None:
    client = server.send("signal.signal(signal.SIGTERM, signal.SIG_IGN)" + FAMILY + "time.sleep(600)")
    family(client)

    client.shutdown(socket.SHUT_WR)

    assert answers(client)[-1] == {"exit": -signal.SIGKILL}


def test_children_that_a_node_leaves_behind_end_with_it(server: LightServer) -> None:
    client = server.send(FAMILY)
    _, child = family(client)

    assert answers(client)[-1] == {"exit": 0}
    wait_until(lambda: not is_alive(child))


def test_a_child_that_has_left_the_session_does_not_hold_up_the_answer(server: LightServer) -> None:
    client = server.send("subprocess.Popen(['sleep', '5'], start_new_session=True)")

    client.settimeout(4)
    assert answers(client) == [{"exit": 0}]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_stopped_leaves_nothing(server: LightServer, number: signal.Signals) -> None:
    with server.send(FAMILY + "time.sleep(600)") as one, server.send(FAMILY + "time.sleep(600)") as other:
        pids = [*family(one), *family(other)]

        server.process.send_signal(number)

        assert server.process.wait(timeout=10) == 0
    wait_until(lambda: not any(map(is_alive, pids)))


def test_nodes_do_not_outlive_a_server_that_is_killed(server: LightServer) -> None:
    with server.send("print(os.getpid(), flush=True); time.sleep(600)") as client:
        (node,) = family(client)

        server.process.kill()

        wait_until(lambda: not is_alive(node))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{", "request line is not JSON"),
        (b"[]", "request line is of another form; allowed"),
        (b'{"module_root": "/", "request": {}, "more": 1}', "request line is of another form; allowed"),
        (b'{"module_root": "/nowhere", "request": {}}', "module_root is '/nowhere'; allowed: the absolute path"),
        (b'{"module_root": "tfx_modules/..", "request": {}}', "module_root is 'tfx_modules/..'; allowed"),
        (b'{"module_root": 1, "request": {}}', "module_root is 1; allowed: the absolute path"),
    ],
)
def test_a_request_that_is_none_is_refused_with_the_form_that_is_allowed(
    server: LightServer, line: bytes, message: str
) -> None:
    said, ended = answers(server.send_line(line))

    assert message in said["log"]
    assert ended == {"exit": 2}


def test_a_client_that_says_nothing_disturbs_nobody(server: LightServer) -> None:
    silent = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    silent.connect(str(server.path))

    assert answers(server.send("print('quick')")) == [{"log": "quick"}, {"exit": 0}]
    silent.close()
    assert answers(server.send("print('quick')")) == [{"log": "quick"}, {"exit": 0}]


def test_the_socket_is_for_its_user_alone(server: LightServer) -> None:
    assert stat.S_IMODE(server.path.parent.stat().st_mode) == 0o700


def test_a_second_server_on_the_same_socket_is_refused(server: LightServer) -> None:
    with pytest.raises(NodeError, match=r"has a node server already; allowed: one server a socket"):
        address.listen(server.path)
    assert answers(server.send("")) == [{"exit": 0}]


def test_the_socket_of_a_dead_server_is_replaced(server: LightServer) -> None:
    server.process.kill()
    server.process.wait(timeout=10)
    assert server.path.is_socket()

    with address.listen(server.path) as listener:
        assert listener.getsockname() == str(server.path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x" * 107, r"bytes; allowed: 107. Choose a shorter one"),
        ("file", r"something else than a socket; allowed: a path that is free"),
        ("open/socket", r"has mode 755 and owner \d+; allowed: mode 700"),
    ],
)
def test_a_path_that_cannot_be_the_socket_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "open").mkdir(mode=0o755)
    with pytest.raises(NodeError, match=message):
        address.listen(tmp_path / name)


def test_the_real_server_runs_nodes_of_two_snapshots(nodes: Nodes, tmp_path: Path) -> None:
    other = make_module_root(tmp_path / "other")
    source = other / "node_pipeline.py"
    source.write_text(source.read_text(encoding="utf-8").replace("writing", "WRITING"), encoding="utf-8")
    shutil.copy(nodes.pipeline, other / "tiny.json")

    message = {**nodes.message("Writer", "run-2", {"text": "b"}), "module_root": str(other)}
    logs = [nodes.run("Writer", text="a").log, nodes.finish(nodes.start(message), message).log]

    assert f"writing a 1 times from {nodes.module_root}" in logs[0]
    assert f"WRITING b 1 times from {other}" in logs[1]


def test_a_server_that_cannot_start_says_why(nodes: Nodes) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tfx_modules.node.server", "--socket", str(nodes.server.path)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(),
        check=False,
    )

    assert done.returncode == 1
    assert "has a node server already" in done.stderr


def test_a_server_that_is_stopped_while_it_imports_removes_its_socket(tmp_path: Path) -> None:
    path = tmp_path / "s" / "socket"
    process = subprocess.Popen(
        [sys.executable, "-m", "tfx_modules.node.server", "--socket", str(path)],
        cwd=REPOSITORY,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    with process:
        wait_until(path.is_socket)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)

    assert process.returncode == 0, errors
    assert not path.exists()
