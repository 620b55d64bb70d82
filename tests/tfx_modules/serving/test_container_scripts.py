"""What a container runs around a model server: its start script, and the health checks of both images."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from scripts.container import health
from tests.tfx_modules.serving.exported_models import MODEL, Publish
from tests.tfx_modules.serving.load import status, until
from tfx_modules.serving.process import ModelServerProcess

ROOT = Path(__file__).parents[3]
START = ROOT / "docker" / "model_server.sh"
CHECK = ROOT / "docker" / "model_server_health.sh"


def variables(port: int) -> Mapping[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "MODEL_NAME": MODEL,
        "MODEL_REST_PORT": str(port),
        "MODEL_HEALTH_SECONDS": "3",
        "BERT_SERVICE_PART": "model-server",
    }


def check(port: int) -> tuple[int, str]:
    """Run TensorFlow Serving's health check; return its exit code and what it says."""
    done = subprocess.run(["bash", str(CHECK)], env=variables(port), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def base_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checked")


@pytest.fixture(scope="module")
def server(base_path: Path) -> Iterator[ModelServerProcess]:
    """A server without a version; the tests go on from one another's end."""
    with ModelServerProcess(model_base_path=base_path, model_name=MODEL, poll_seconds=0.1) as process:
        yield process


def port_of(server: ModelServerProcess) -> int:
    return int(server.rest_url.rpartition(":")[2])


def test_without_a_version_tensorflow_serving_is_unhealthy_and_our_server_waits(server: ModelServerProcess) -> None:
    assert check(port_of(server)) == (1, f"model server: HTTP/1.1 404 Not Found for /v1/models/{MODEL}\n")
    assert health.main(variables(port_of(server))) == 0


def test_with_a_version_that_cannot_be_loaded_both_are_unhealthy(
    server: ModelServerProcess, base_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = base_path / "1"
    broken.mkdir()
    (broken / "saved_model.pb").write_bytes(b"no model")
    until(lambda: status(server).get("1") == "END")

    assert check(port_of(server)) == (1, f"model server: no version of {MODEL} is AVAILABLE\n")
    assert health.main(variables(port_of(server))) == 1
    assert f"no version of {MODEL} is AVAILABLE, but END" in capsys.readouterr().out


def test_with_a_served_version_both_are_healthy(server: ModelServerProcess, base_path: Path, publish: Publish) -> None:
    publish(base_path, 2)
    until(lambda: status(server).get("2") == "AVAILABLE")

    assert check(port_of(server)) == (0, "")
    assert health.main(variables(port_of(server))) == 0


def test_where_nothing_listens_it_is_unhealthy() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, so that nobody else takes it; it does not listen
        code, said = check(closed.getsockname()[1])

    assert code == 1
    assert "Connection refused" in said


def test_a_server_that_takes_connections_and_never_answers_is_unhealthy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        code, said = check(silent.getsockname()[1])

    assert code == 1
    assert "no answer on port" in said
    assert "in 3 s" in said


def test_the_start_script_starts_the_server_with_the_stacks_own_configuration(tmp_path: Path, publish: Publish) -> None:
    models = tmp_path / "models" / MODEL
    models.mkdir(parents=True)
    publish(models, 1)
    given = tmp_path / "given.config"
    text = (ROOT / "docker" / "serving" / "models.config").read_text(encoding="utf-8")
    given.write_text(text.replace("'/models/", f"'{tmp_path}/models/"), encoding="utf-8")
    copy = tmp_path / "copy.config"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    serve = [sys.executable, "-m", "tfx_modules.serving", "--port=0", f"--rest_api_port={port}"]
    process = subprocess.Popen(
        ["bash", str(START), *serve, f"--model_config_file={copy}", "--model_config_file_poll_wait_seconds=1"],
        cwd=ROOT,
        env={**os.environ, **variables(port), "MODEL_CONFIG_FILE": str(given), "MODEL_CONFIG_COPY": str(copy)},
        start_new_session=True,
    )
    try:
        until(lambda: check(port)[0] == 0, seconds=60)
        found = httpx.get(f"http://127.0.0.1:{port}/v1/models/{MODEL}", trust_env=False).json()
        assert [entry["state"] for entry in found["model_version_status"]] == ["AVAILABLE"]
    finally:
        process.terminate()
        process.wait(30)
        os.killpg(process.pid, signal.SIGKILL)  # the script's own process, which copies the file; a container ends it
