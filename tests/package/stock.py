"""A stock Airflow: a virtual environment of its own with the wheel in it, an empty home, nothing of the checkout."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from scripts.setup.uv import UV_LOCK, find_or_fetch_uv

ROOT = Path(__file__).parents[2]
UV = find_or_fetch_uv(ROOT / ".venv", ROOT / UV_LOCK, os.environ)
_NETWORK = ("SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy")
"""What a machine may need to reach its package index."""


@dataclass(frozen=True)
class Stock:
    """A user's machine: one environment with Airflow, one home."""

    environment: Path
    home: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    """Environment variables, such as ``AIRFLOW__BERT_SERVICE__FEED``."""

    @property
    def airflow_home(self) -> Path:
        return self.home / "airflow"

    @property
    def dags(self) -> Path:
        return self.airflow_home / "dags"

    @property
    def packaged(self) -> Path:
        """The project's files in the installed wheel."""
        (found,) = self.environment.glob("lib/python3*/site-packages/*/packaged")
        return found

    def variables(self, **more: str) -> dict[str, str]:
        """Nothing of this process's environment but what reaching the network takes."""
        network = {name: os.environ[name] for name in _NETWORK if name in os.environ}
        caches = {"UV_CACHE_DIR": _cache(), "PYENV_ROOT": os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv"))}
        path = f"{UV.parent}:{Path(_python_of('3.11')).parent}:/usr/bin:/bin"
        base = {"HOME": str(self.home), "PATH": path, "LANG": "C.UTF-8", "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
        return {**network, **caches, **base, **self.settings, **more}

    def start(self, program: str, *arguments: str, log: Path) -> "subprocess.Popen[bytes]":
        with log.open("wb") as output:
            words = [str(self.environment / "bin" / program), *arguments]
            return subprocess.Popen(
                words, env=self.variables(), cwd=self.home, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )

    def run(self, program: str, *arguments: str, code: int = 0, **more: str) -> "subprocess.CompletedProcess[str]":
        words = [str(self.environment / "bin" / program), *arguments]
        done = subprocess.run(
            words, env=self.variables(**more), cwd=self.home, capture_output=True, text=True, timeout=900, check=False
        )
        assert done.returncode == code, f"{words} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return done


def build_wheel(source: Path, folder: Path) -> Path:
    """What `make wheel` runs, in a copy of the sources too."""
    command = [sys.executable, "-m", "scripts.wheel", str(folder)]
    environment = {**os.environ, "PATH": f"{UV.parent}:{os.environ['PATH']}"}
    subprocess.run(command, cwd=source, env=environment, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


@contextmanager
def stock_airflow(wheel: Path) -> Iterator[Stock]:
    """Install Airflow and the wheel as a user does, within the versions that the project is tested with."""
    with tempfile.TemporaryDirectory(prefix="stock-", dir="/tmp") as folder:  # a socket's path is 107 bytes at most
        stock = Stock(Path(folder, "venv"), Path(folder, "home"))
        stock.home.mkdir()
        python = ["--python", str(stock.environment / "bin" / "python")]
        constraints = ["--constraints", str(ROOT / "requirements" / "airflow.txt")]
        uv([str(UV), "venv", "--no-config", "--python", sys.executable, str(stock.environment)])
        uv([str(UV), "pip", "install", *python, *constraints, "apache-airflow==3.3.*", str(wheel)])
        yield stock


def uv(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _cache() -> str:
    return subprocess.run([str(UV), "cache", "dir"], capture_output=True, text=True, check=True).stdout.strip()


def _python_of(version: str) -> str:
    from scripts.setup.pythons import find_python

    return str(find_python(version, os.environ) or "/usr/bin/python3")
