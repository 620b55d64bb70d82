"""A server process from an empty base path to its end, with versions that come and go under load."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.tfx_modules.serving.exported_models import MODEL, Publish
from tests.tfx_modules.serving.load import Load, status, until
from tfx_modules.serving.exceptions import ServerProcessError
from tfx_modules.serving.process import ModelServerProcess


@pytest.fixture(scope="module")
def base_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("changing")


@pytest.fixture(scope="module")
def changing(base_path: Path) -> Iterator[ModelServerProcess]:
    """A server that starts on an empty base path; the tests of this module go on from one another's end."""
    process = ModelServerProcess(model_base_path=base_path, model_name=MODEL, poll_seconds=0.1)
    with process:
        yield process


def health(server: ModelServerProcess) -> str:
    with grpc.insecure_channel(server.grpc_address) as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


def test_it_starts_without_a_model_and_takes_the_first_that_arrives(
    changing: ModelServerProcess, base_path: Path, publish: Publish
) -> None:
    assert status(changing) == {"error": 404}
    assert health(changing) == "NOT_SERVING"
    publish(base_path, 1)
    until(lambda: status(changing) == {"1": "AVAILABLE"})
    until(lambda: health(changing) == "SERVING")


def test_no_request_fails_while_versions_change(
    changing: ModelServerProcess, base_path: Path, publish: Publish
) -> None:
    until(lambda: "1" in status(changing))
    with Load(changing) as load:
        publish(base_path, 9)
        until(lambda: status(changing).get("9") == "AVAILABLE")
        newest = publish(base_path, 10)
        until(lambda: status(changing).get("10") == "AVAILABLE")
        (publish(base_path, 2) / "saved_model.pb").unlink()
        broken = base_path / "11"
        broken.mkdir()
        (broken / "saved_model.pb").write_bytes(b"not a model")
        until(lambda: status(changing).get("11") == "END")
        shutil.rmtree(newest)
        until(lambda: status(changing).get("9") == "AVAILABLE" and status(changing).get("10") == "END")
        seen = len(load.versions)
        until(lambda: len(load.versions) > seen + 50)
    assert load.failures == []
    assert set(load.versions) == {1, 9, 10}
    assert load.versions[-1] == 9


def test_a_request_under_way_is_answered_before_the_server_ends_with_0(changing: ModelServerProcess) -> None:
    until(lambda: "AVAILABLE" in status(changing).values())
    body = {"signature_name": "slow", "instances": [3000]}
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(
            httpx.post, f"{changing.rest_url}/v1/models/{MODEL}:predict", json=body, timeout=60, trust_env=False
        )
        time.sleep(0.6)  # the client has to connect first
        assert not answer.done(), "the request is too quick to be under way when the server stops"
        os.kill(changing.pid, signal.SIGTERM)
        assert answer.result().json() == {"predictions": [3000.0]}
    until(lambda: changing.exit_code is not None)
    assert changing.exit_code == 0


def test_a_server_does_not_outlive_the_process_that_started_it(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, signal, sys\n"
        "from tfx_modules.serving.process import ModelServerProcess\n"
        "server = ModelServerProcess(model_base_path=pathlib.Path(sys.argv[1]), model_name='m')\n"
        "server.start()\n"
        "server.wait_ready(timeout_seconds=60)\n"
        "print(server.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    until(lambda: not Path(f"/proc/{int(done.stdout)}").exists())


def test_a_server_can_be_stopped_while_it_is_still_starting(tmp_path: Path) -> None:
    server = ModelServerProcess(model_base_path=tmp_path, model_name="m")
    server.start()
    time.sleep(1)
    server.stop()
    assert server.exit_code == 0


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    server = ModelServerProcess(model_base_path=tmp_path, model_name="a/b")
    with (
        pytest.raises(ServerProcessError, match=r"(?s)ended with code 2:.*--model_name='a/b' cannot be part of a URL"),
        server,
    ):
        pass


def test_a_server_that_is_not_ready_in_time_is_given_up(tmp_path: Path) -> None:
    server = ModelServerProcess(model_base_path=tmp_path, model_name="m", ready_seconds=0.2)
    with pytest.raises(ServerProcessError, match="was not ready in 0 s"), server:
        pass
    assert server.exit_code is not None


def test_endpoints_are_known_once_it_is_ready(tmp_path: Path) -> None:
    server = ModelServerProcess(model_base_path=tmp_path, model_name="m")
    with pytest.raises(ServerProcessError, match="is not ready; call wait_ready"):
        json.dumps(server.grpc_address)
    with pytest.raises(ServerProcessError, match="has not been started; call start"):
        server.wait_ready(timeout_seconds=1)
