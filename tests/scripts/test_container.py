"""A container's worker and node server live and die together; a health check says what is wrong."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from scripts.container import health, init

ROOT = Path(__file__).parents[2]
SECONDS = 20.0
# Stand-ins that write down when they begin and end. The server makes its "socket" as the real one does.
SERVER = """#!/bin/bash
trap 'echo server ended >> "$JOURNAL"; exit 0' TERM
env > "$JOURNAL.environment"
touch "${@: -1}"
echo server >> "$JOURNAL"
while true; do sleep 0.05; [ -e "$JOURNAL.kill" ] && exit 3; done
"""
WORKER = """#!/bin/bash
trap 'sleep 0.3; echo worker ended >> "$JOURNAL"; exit 0' TERM
echo "worker $*" >> "$JOURNAL"
for _ in $(seq 400); do sleep 0.05; [ -e "$JOURNAL.done" ] && exit 7; done
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {".venv/tfx/bin/python": SERVER, "bin/airflow": WORKER}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
        path.chmod(0o755)
    return tmp_path


def environment(folder: Path) -> Mapping[str, str]:
    return {
        **os.environ,
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "BERT_SERVICE_ROOT": str(folder),
        "JOURNAL": str(folder / "journal"),
        "AIRFLOW__BERT_SERVICE__NODE_SOCKET": str(folder / "node.sock"),
        "AIRFLOW__CELERY__BROKER_URL": "redis://:secret@nowhere",
    }


@contextmanager
def running(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "scripts.container.worker", "--queues", "gpu"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment(folder))
    try:
        wait_for(folder, "worker celery")
        yield process
    finally:
        process.terminate()  # killed, it would leave the node server behind
        process.wait(SECONDS)


def journal(folder: Path) -> list[str]:
    file = folder / "journal"
    return file.read_text().splitlines() if file.exists() else []


def wait_for(folder: Path, beginning: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not any(line.startswith(beginning) for line in journal(folder)):
        assert time.monotonic() < deadline, journal(folder)
        time.sleep(0.02)


def test_the_worker_starts_after_its_node_server_which_has_none_of_airflows_settings(folder: Path) -> None:
    with running(folder):
        assert journal(folder) == ["server", "worker celery worker --skip-serve-logs --queues gpu"]
    assert "secret" not in (folder / "journal.environment").read_text()


def test_when_the_worker_ends_both_do(folder: Path) -> None:
    with running(folder) as process:
        (folder / "journal.done").touch()

        assert process.wait(SECONDS) == 7
    assert journal(folder)[-1] == "server ended"


def test_when_the_node_server_ends_both_do(folder: Path) -> None:
    with running(folder) as process:
        (folder / "journal.kill").touch()

        assert process.wait(SECONDS) == 1
    assert journal(folder)[-1] == "worker ended"


def test_asked_to_stop_the_worker_finishes_before_its_node_server_goes(folder: Path) -> None:
    with running(folder) as process:
        process.send_signal(signal.SIGTERM)

        assert process.wait(SECONDS) == 0
    assert journal(folder)[-2:] == ["worker ended", "server ended"]


def test_a_part_that_nobody_knows_is_unhealthy_and_the_known_ones_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert health.main({"BERT_SERVICE_PART": "webserver"}) == 1
    assert "'webserver'; allowed: api-server, scheduler" in capsys.readouterr().out


def test_a_worker_whose_node_server_is_gone_is_unhealthy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    environ = {
        "BERT_SERVICE_PART": "worker",
        "AIRFLOW__BERT_SERVICE__NODE_SOCKET": str(tmp_path / "gone"),
        "AIRFLOW__CELERY__BROKER_URL": "memory://",
    }

    assert health.main(environ) == 1
    assert "worker: the node server does not listen" in capsys.readouterr().out


def test_a_workers_broker_is_read_from_its_secrets_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_UNIX) as node_server:
        node_server.bind(str(tmp_path / "node.sock"))
        node_server.listen()
        environ = {
            "BERT_SERVICE_PART": "worker",
            "AIRFLOW__BERT_SERVICE__NODE_SOCKET": str(tmp_path / "node.sock"),
            "AIRFLOW__CELERY__BROKER_URL_CMD": f"cat {tmp_path / 'celery_broker'}",
        }
        assert health.main(environ) == 1
        assert "celery_broker" in capsys.readouterr().out  # which is not there

        (tmp_path / "celery_broker").write_text("nothing-like-this://")
        with pytest.raises(KeyError, match="No such transport: nothing-like-this"):
            health.main(environ)


def test_without_a_password_no_user_is_made(capsys: pytest.CaptureFixture[str]) -> None:
    assert init.main({}) == 1
    assert "python3 -m scripts.compose_secrets" in capsys.readouterr().err


def test_a_password_file_that_is_not_there_or_empty_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "admin_password"
    assert init.main({"ADMIN_PASSWORD_FILE": str(file)}) == 1
    assert "No such file" in capsys.readouterr().err

    file.touch()
    assert init.main({"ADMIN_PASSWORD_FILE": str(file)}) == 1
    assert "allowed: a file with the password of the user admin" in capsys.readouterr().err
