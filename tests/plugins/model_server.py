"""The project's model server, with small models, in the TFX environment."""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.airflow_home import PROJECT_ROOT

TFX_PYTHON = PROJECT_ROOT / ".venv" / "tfx" / "bin" / "python"
OLDER, LIVE = 2026110301, 2026110401
"""The versions of `bert_sentiment`, see `tests/tfx_modules/serving/word_models.py`."""
LARGEST_REQUEST = 100_000
START_SECONDS = 300.0
_KEY = "a key of sixteen characters or more".replace(" ", "-")
_READY = re.compile(r"^model server: gRPC on \S+, REST on (?P<rest>\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class RunningModelServer:
    """A server that wants a key for all but the state of its models."""

    address: str
    key_file: Path
    log: Path

    def settings(self) -> dict[str, str]:
        """What the page's server has to know of it."""
        return {"model_servers": self.address, "model_server_key_file": str(self.key_file)}


@contextmanager
def model_server(folder: Path) -> Iterator[RunningModelServer]:
    """Run the server. Skips where there is no TFX environment."""
    if not TFX_PYTHON.exists():
        pytest.skip("the TFX environment is not built; `make setup` does it")
    key_file, log = folder / "key", folder / "server.log"
    key_file.write_text(f"{_KEY}\n")
    key_file.chmod(0o600)
    flags = ["--port=0", "--rest_api_port=0", f"--api_key_file={key_file}", "--status_without_api_key"]
    flags += [f"--max_request_bytes={LARGEST_REQUEST}", "--stop_when_stdin_closes"]
    flags += ["--allow_version_labels_for_unavailable_models=true"]  # they are loaded after the config is read
    command = [str(TFX_PYTHON), "-W", "ignore", "-m", "tests.tfx_modules.serving.word_models", str(folder), *flags]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=PROJECT_ROOT,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    with process:  # closes its standard input at the end
        yield RunningModelServer(_wait(process, log), key_file, log)
        process.terminate()


def _wait(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while (ready := _READY.search(log.read_text())) is None:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
    return ready["rest"]
