"""At saturation, with versions that change all the time: no request fails, and memory stays flat.

Some seconds in CI. ``SOAK_SECONDS=300 SOAK_PAUSE=10 SOAK_MODEL=.../2026110501`` makes it five minutes with a version of
the pipeline's own, that changes every 10 s. Where that carries what OpenVINO needs, every other one is without it, so
that both engines serve in turns, and one beside the other for a moment.
"""

import os
import shutil
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.tfx_modules.serving.exported_models import MODEL
from tests.tfx_modules.serving.load import Clients, status, until
from tfx_modules.engines import description
from tfx_modules.serving.client import ClientError, Model, ModelClient, RetryPolicy, Server
from tfx_modules.serving.process import ModelServerProcess

SECONDS = float(os.environ.get("SOAK_SECONDS", "15"))
PAUSE = float(os.environ.get("SOAK_PAUSE", "1.5"))
CLIENTS = 8  # of each protocol
TEXTS = ["A good film.", "bad " * 30, "Some words on a good film. " * 20, "x"]
MOST_GROWTH = 150
"""MiB; a first load and the first of each shape make a process larger, whatever it does later."""


@pytest.fixture
def version(exported: dict[int, Path]) -> Path:
    given = os.environ.get("SOAK_MODEL")
    return Path(given) if given else exported[1]


def resident(server: ModelServerProcess) -> float:
    """Return the server's memory in MiB."""
    pages = int(Path(f"/proc/{server.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class Saturation(Clients):
    """Clients that ask without a pause; remembers how many were answered, and what failed."""

    def __init__(self, server: ModelServerProcess) -> None:
        kinds = (Server.rest(server.rest_url.removeprefix("http://")), Server.grpc(server.grpc_address))
        super().__init__(partial(self._ask, kind) for kind in kinds for _ in range(CLIENTS))
        self.answered = 0
        self._lock = threading.Lock()

    def _ask(self, server: Server) -> None:
        with ModelClient(server, Model(MODEL), RetryPolicy(retries=0)) as client:
            while not self.stop.is_set():
                try:
                    client.predict([TEXTS[self.answered % len(TEXTS)]])
                except ClientError as error:
                    self.failures.append(str(error))
                with self._lock:
                    self.answered += 1


def _is_available(server: ModelServerProcess, number: int) -> bool:
    return status(server).get(str(number)) == "AVAILABLE"


def change_versions(base: Path, version: Path, server: ModelServerProcess, note: Callable[[], None]) -> int:
    """Publish one version after the other, each in place of the one before; return the last one's number."""
    end, number = time.monotonic() + SECONDS, 1
    while time.monotonic() < end:
        began = time.monotonic()
        number += 1
        shutil.copytree(version, base / "copying")
        if number % 2:
            shutil.rmtree(base / "copying" / description.PLACE, ignore_errors=True)
        (base / "copying").rename(base / str(number))
        until(partial(_is_available, server, number), 60)
        shutil.rmtree(base / str(number - 1), ignore_errors=True)
        note()
        time.sleep(max(0.0, PAUSE - (time.monotonic() - began)))
    return number


def test_no_request_fails_and_memory_stays_flat(tmp_path: Path, version: Path) -> None:
    base = tmp_path / "served"
    base.mkdir()
    shutil.copytree(version, base / "1")
    flags = ["--enable_batching", "--file_system_poll_wait_seconds=0.2"]
    memory: list[float] = []
    with ModelServerProcess(model_base_path=base, model_name=MODEL, flags=flags) as server:
        with Saturation(server) as load:
            number = change_versions(base, version, server, lambda: memory.append(resident(server)))
        settled = memory[min(len(memory) // 3, 10) :]
        told = f"{load.answered} requests, {number} versions, MiB: {[round(size) for size in memory]}"
        assert not load.failures, (load.failures[:3], told)
        assert load.answered > 100, told
        assert max(settled) - settled[0] < MOST_GROWTH, told
        print(told)
