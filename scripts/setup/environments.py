"""Defines the project's environments, checks whether they are ready, and builds them."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping

from scripts.errors import SetupError

FORMAT = "1"  # raise when the way environments are built changes


@dataclass(frozen=True)
class Environment:
    """One of the project's environments. Not the interpreter it is built on: that is found when it is built."""

    name: str
    python: str
    root: Path
    place: Path | None = None
    """The environment's folder, if not in the project's `.venv`."""

    @property
    def folder(self) -> Path:
        """The environment's folder."""
        return self.place or self.root / ".venv" / self.name

    @property
    def lock(self) -> Path:
        """The file that pins every package, with hashes."""
        return self.root / "requirements" / (self.name + ".txt")

    @property
    def stamp(self) -> Path:
        """Written last; holds the key of what the environment was built from."""
        return self.folder / "setup.stamp"

    @property
    def log(self) -> Path:
        """The log of uv's output."""
        return self.folder.with_name(self.folder.name + ".log")

    def key(self) -> str:
        """A digest of all that the environment depends on; its folder counts, since scripts name it."""
        parts = [FORMAT, self.python, str(self.folder), hashlib.sha256(self.lock.read_bytes()).hexdigest()]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def is_ready(self) -> bool:
        """Whether the environment was built completely, from this lock, and its interpreter still exists."""
        try:
            return self.stamp.read_text() == self.key() and (self.folder / "bin" / "python").exists()
        except OSError:
            return False


def all_environments(root: Path) -> tuple[Environment, ...]:
    """The environments that the project runs in, the slower to build first."""
    return (Environment("tfx", "3.10", root), Environment("airflow", "3.12", root))


def tools_environment(root: Path) -> Environment:
    """The environment that builds the docs site and checks imports; only `make docs` and `make check` need it."""
    return Environment("tools", "3.12", root)


def build(environment: Environment, uv: Path, python: Path, environ: Mapping[str, str]) -> None:
    """Build the environment from nothing; remains of an interrupted or older set-up are removed first.

    Raises:
        SetupError: uv failed; the message ends with uv's last lines.
    """
    folder = environment.folder
    if environment.stamp.exists():
        environment.stamp.unlink()
    shutil.rmtree(str(folder), ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Compiled bytecode halves every later start; a variable that forbids it must not reach the compiler.
    settings = {name: value for name, value in environ.items() if name not in _STRIPPED}
    with environment.log.open("wb") as log:
        for command in _commands(environment, uv, python):
            done = subprocess.run(
                command, env=settings, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, check=False
            )
            if done.returncode != 0:
                raise SetupError(_failure(environment, command))
    environment.stamp.write_text(environment.key())


_STRIPPED = ("PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "CONDA_PREFIX")


def _commands(environment: Environment, uv: Path, python: Path) -> list[list[str]]:
    target = str(environment.folder / "bin" / "python")
    options = ["--no-config", "--require-hashes", "--compile-bytecode", "--python", target]
    return [
        [str(uv), "venv", "--quiet", "--no-config", "--python", str(python), str(environment.folder)],
        [str(uv), "pip", "sync", *options, str(environment.lock)],
    ]


def _failure(environment: Environment, command: list[str]) -> str:
    last = environment.log.read_text(errors="replace").splitlines()[-15:]
    return "\n".join(
        [
            "The {} environment could not be built: `{}` failed.".format(environment.name, " ".join(command[:3])),
            *("  " + line for line in last),
            f"All of it is in {environment.log}. Once the cause is gone, repeat: set-up starts afresh.",
        ]
    )
