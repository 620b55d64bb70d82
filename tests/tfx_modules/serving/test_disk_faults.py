"""A server process whose disk misbehaves while clients ask."""

import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.tfx_modules.serving.exported_models import MODEL, Publish
from tests.tfx_modules.serving.load import Load, status, until
from tfx_modules.promotion import manifest
from tfx_modules.serving.process import MODULE_ROOT, ModelServerProcess

TIMES = 1000


def metrics(server: ModelServerProcess) -> str:
    return httpx.get(f"{server.rest_url}/monitoring/prometheus/metrics", trust_env=False).text


def test_a_version_that_comes_and_goes_a_thousand_times_disturbs_nobody_who_asks_for_another(
    tmp_path: Path, publish: Publish
) -> None:
    base_path, aside = tmp_path / "models", tmp_path / "aside"
    base_path.mkdir()
    publish(base_path, 1)
    folder = publish(base_path, 2)
    manifest.write(folder)  # its files are hashed at each load
    flags = ["--model_config_file=" + str(both(base_path))]
    server = ModelServerProcess(model_base_path=base_path, model_name=MODEL, poll_seconds=0.001, flags=flags)
    with server:
        with Load(server, version=1) as load:
            for turn in range(TIMES):
                folder.rename(aside)
                time.sleep(0.001 * (turn % 7))
                aside.rename(folder)
                time.sleep(0.001 * (turn % 11))
            until(lambda: status(server).get("2") == "AVAILABLE")
        assert load.failures == []
        assert set(load.versions) == {1}
        assert server.exit_code is None
        assert "Traceback" not in server.logs()
        assert status(server) == {"2": "AVAILABLE", "1": "AVAILABLE"}


def both(base_path: Path) -> Path:
    """Write a config that serves all versions."""
    file = base_path.parent / "models.config"
    policy = "model_version_policy { all {} }"
    model = f"config {{ name: '{MODEL}' base_path: '{base_path}' model_platform: 'tensorflow' {policy} }}"
    file.write_text(f"model_config_list {{ {model} }}")
    return file


@contextmanager
def few_descriptors(pid: int) -> Iterator[None]:
    """Leave a process no descriptor beside those that it has."""
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = {int(path.name) for path in Path(f"/proc/{pid}/fd").iterdir()}
    lowest_free = min(set(range(max(used) + 2)) - used)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest_free, limits[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)


def test_a_server_without_descriptors_answers_its_clients_and_loads_the_next_version_afterwards(
    tmp_path: Path, publish: Publish
) -> None:
    (tmp_path / "monitoring.config").write_text("prometheus_config { enable: true }")
    publish(tmp_path, 1)
    flags = [f"--monitoring_config_file={tmp_path / 'monitoring.config'}"]
    server = ModelServerProcess(model_base_path=tmp_path, model_name=MODEL, poll_seconds=0.05, flags=flags)
    with server:
        with Load(server) as load:
            until(lambda: len(load.versions) > 20)  # both clients are connected
            with few_descriptors(server.pid):
                publish(tmp_path, 2)
                time.sleep(2)
                assert set(load.versions) == {1}
            until(lambda: 2 in load.versions)
        assert load.failures == []
        log = server.logs()
        assert log.count("cannot read the base path: [Errno 24] Too many open files") == 1
        assert ':bert_service:serving:disk_error_count{place="base_path"}' in metrics(server)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_server_whose_log_is_on_a_full_disk_serves_and_ends_with_0(tmp_path: Path, publish: Publish) -> None:
    publish(tmp_path, 1)
    port = free_port()
    flags = [f"--model_base_path={tmp_path}", f"--model_name={MODEL}", "--port=0", f"--rest_api_port={port}"]
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "tfx_modules.serving", *flags]
        server = subprocess.Popen(command, cwd=MODULE_ROOT, stdout=full, stderr=full)
    try:
        until(lambda: answers(port), seconds=60)
    finally:
        server.terminate()
        code = server.wait(30)
    assert code == 0


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/v1/models/{MODEL}", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
