import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import airflow_home

__all__ = ["airflow_home"]

DATA = Path(__file__).parent / "data"
MODULE_ROOT = DATA / "module_root"
SERVER_START_SECONDS = 20.0
STATE = "AIRFLOW__BERT_SERVICE__STATE"


@pytest.fixture
def own_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks that run in the test's own process leave nothing in the project's state folder."""
    if STATE not in os.environ:
        monkeypatch.setenv(STATE, str(airflow_home.AIRFLOW_HOME / "bert_service"))


@pytest.fixture
def node_server(tmp_path: Path) -> Iterator[Path]:
    """Socket of a running node server of the stand-in `tfx_modules`."""
    address = tmp_path / "node.sock"
    command = [sys.executable, "-m", "tfx_modules.node.server", "--socket", str(address)]
    with subprocess.Popen(command, cwd=MODULE_ROOT) as server:
        deadline = time.monotonic() + SERVER_START_SECONDS
        while not address.exists():
            assert server.poll() is None, "the stand-in node server has ended"
            assert time.monotonic() < deadline, "the stand-in node server has not come up"
            time.sleep(0.02)
        yield address
        server.terminate()
