"""A Docker engine that runs here, in a folder of its own, and an image for it that needs no registry."""

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from airflow_bert_service.settings.containers import ContainerMount
from docker import APIClient
from docker.errors import APIError

IMAGE = "bert-service/empty:test"
PYTHON = Path(sys.executable).resolve()
READY_SECONDS = 30.0
STOP_SECONDS = 30.0


@dataclass(frozen=True)
class Engine:
    """A running engine."""

    address: str
    client: APIClient

    def containers(self, *labels: str) -> list[str]:
        """Ids of the containers that are there, running or not; those with the labels (`NAME=VALUE`) alone."""
        return [str(found["Id"]) for found in self.client.containers(all=True, filters={"label": list(labels)})]

    def running(self) -> list[str]:
        return [str(found["Id"]) for found in self.client.containers()]


def host_mounts(*folders: Path) -> tuple[ContainerMount, ...]:
    """What an empty image needs of this machine to run its Python: libraries and Python itself, read-only."""
    system = [Path(name) for name in ("/usr", "/lib", "/lib64", "/bin")]
    base = Path(sys.base_prefix)
    needed = [*system, *([] if base.is_relative_to("/usr") else [base]), *folders]
    return tuple(ContainerMount(str(path), path, read_only=True) for path in needed if path.exists())


@contextmanager
def running_engine() -> Iterator[Engine]:
    """Run an engine without network, which has one image; where none can run, skip the test and say why.

    Nothing of an engine that runs here already is touched: one without a bridge would delete `docker0`, so this one has
    a network namespace of its own.
    """
    binary = shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if binary is None:
        pytest.skip("no dockerd; install Docker's engine (Debian's package is docker.io)")
    if os.geteuid() != 0:
        pytest.skip("a Docker engine needs root; run these tests as root")
    folder = Path(tempfile.mkdtemp(prefix="dk-", dir="/tmp"))  # the path of a socket is 107 bytes at most
    try:
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(_command(binary, folder), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            engine = _wait(server, folder)
            _try_out(engine)
            yield engine
            for container in engine.containers():
                engine.client.remove_container(container, force=True)
            engine.client.close()
        finally:
            _stop(server)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _command(binary: str, folder: Path) -> list[str]:
    namespace = f"tests{uuid.uuid4().hex}"
    flags = {
        "--data-root": folder / "data",
        "--exec-root": folder / "run",
        "--pidfile": folder / "pid",
        "--host": f"unix://{folder}/docker.sock",
        "--bridge": "none",
        "--storage-driver": "vfs",
        "--containerd-namespace": namespace,
        "--containerd-plugins-namespace": f"{namespace}-plugins",
    }
    return ["unshare", "--net", binary, "--iptables=false", *(str(word) for flag in flags.items() for word in flag)]


def _wait(server: subprocess.Popen[bytes], folder: Path) -> Engine:
    address = f"unix://{folder}/docker.sock"
    deadline = time.monotonic() + READY_SECONDS
    while "API listen on" not in (said := (folder / "log").read_text(errors="replace")):
        if server.poll() is not None or time.monotonic() > deadline:
            pytest.skip(f"no Docker engine can run here: {said[-500:]}")
        time.sleep(0.1)
    return Engine(address, APIClient(base_url=address))


def _empty_archive() -> bytes:
    """An image's files: a folder that everybody may write to."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        folder = tarfile.TarInfo("tmp")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
        archive.addfile(folder)
    return file.getvalue()


def _try_out(engine: Engine) -> None:
    """Run a container as plainly as can be: where the machine allows none, nothing of ours is at fault."""
    client = engine.client
    mounts = [f"{mount.source}:{mount.target}:ro" for mount in host_mounts()]
    host = client.create_host_config(network_mode="none", binds=mounts, init=True)
    try:
        client.import_image_from_data(_empty_archive(), repository=IMAGE.partition(":")[0], tag="test")
        container = client.create_container(IMAGE, [str(PYTHON), "-c", "print('hello')"], host_config=host)["Id"]
        client.start(container)
        code = client.wait(container)["StatusCode"]
        said = client.logs(container).decode(errors="replace")
        client.remove_container(container, force=True)
    except APIError as error:
        pytest.skip(f"no container can run here: {error.explanation}")
    if (code, said) != (0, "hello\n"):
        pytest.skip(f"no container can run here: exit code {code}, {said[-300:]}")


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
