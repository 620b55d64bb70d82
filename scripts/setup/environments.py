"""Defines the project's environments, checks whether they are ready, and builds them."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping

from scripts.errors import SetupError
from scripts.setup.builds import STAMP, builds_folder, make_build, use_build

FORMAT = "1"  # raise when the way environments are built changes
TFX_REASON = "the newest that TFDV and ML Metadata have wheels for on every Linux with glibc 2.28 or newer"


@dataclass(frozen=True)
class Environment:
    """One of the project's environments. Not the interpreter it is built on: that is found when it is built."""

    name: str
    python: str
    root: Path
    place: Path | None = None
    """The environment's folder, if not in the project's `.venv`."""
    reason: str = ""
    """Why it is that Python, for people to read."""
    base: Environment | None = None
    """An environment of the same Python whose packages it has, too; its own go before them."""

    @property
    def folder(self) -> Path:
        """The environment's place: a link to its newest build (:mod:`scripts.setup.builds`)."""
        return self.place or self.root / ".venv" / self.name

    @property
    def lock(self) -> Path:
        """The file that pins every package, with hashes."""
        return self.root / "requirements" / (self.name + ".txt")

    @property
    def stamp(self) -> Path:
        """Written last; holds the key of what the environment was built from."""
        return self.folder / STAMP

    @property
    def log(self) -> Path:
        """The log of uv's output."""
        return builds_folder(self.folder) / "setup.log"

    def key(self) -> str:
        """A digest of all that the environment depends on; its folder counts, since scripts name it.

        Links above it do not: what another checkout has built from the same lock, and is linked to, is ready here too.
        """
        folder = self.folder.parent.resolve() / self.folder.name
        parts = [FORMAT, self.python, str(folder), hashlib.sha256(self.lock.read_bytes()).hexdigest()]
        if self.base is not None:
            parts.append(str(self.base.folder.parent.resolve() / self.base.folder.name))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def is_ready(self) -> bool:
        """Whether the environment was built completely, from this lock, and its interpreter still exists."""
        try:
            return self.stamp.read_text() == self.key() and (self.folder / "bin" / "python").exists()
        except OSError:
            return False


def all_environments(root: Path) -> tuple[Environment, ...]:
    """The environments that the project runs in, the slower to build first."""
    return (Environment("tfx", "3.11", root, reason=TFX_REASON), Environment("airflow", "3.12", root))


def tools_environment(root: Path) -> Environment:
    """The environment that builds the docs site and checks imports; only `make docs` and `make check` need it."""
    return Environment("tools", "3.12", root)


def kubeflow_environment(root: Path) -> Environment:
    """The environment with the library of Kubeflow Pipelines; only compiling for it needs it, and tests of that.

    Its versions are those of the TFX environment where both have a package: the TFX environment's Python adds the
    environment's folder to its own.
    """
    return Environment("kubeflow", "3.11", root, reason=TFX_REASON)


def notebook_environment(root: Path) -> Environment:
    """The environment that notebooks run in: Jupyter, and all packages of the TFX environment, which it needs."""
    (tfx,) = (item for item in all_environments(root) if item.name == "tfx")
    return Environment("notebook", tfx.python, root, reason=tfx.reason, base=tfx)


def build(environment: Environment, uv: Path, python: Path, environ: Mapping[str, str]) -> None:
    """Build the environment beside its place, and put it in place when it is complete.

    Until then, and where that fails, the one before stays in use. Processes that run keep it in any case.

    Raises:
        SetupError: uv failed; the message ends with uv's last lines. Or the environment's place is not set-up's.
    """
    folder = make_build(environment.folder)
    # Compiled bytecode halves every later start; a variable that forbids it must not reach the compiler.
    settings = {name: value for name, value in environ.items() if name not in _STRIPPED}
    with environment.log.open("wb") as log:
        for command in _commands(environment, folder, uv, python):
            done = subprocess.run(
                command, env=settings, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, check=False
            )
            if done.returncode != 0:
                raise SetupError(_failure(environment, command))
    _add_own_folder(folder)
    if environment.base is not None:
        _add_base(folder, environment.base)
    (folder / STAMP).write_text(environment.key())
    use_build(environment.folder, folder)


_OF_PYTHON = ("PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "CONDA_PREFIX")
# The lock says all of packages. Colab names files here that need not be there (googlecolab/colabtools#5237).
_OF_UV = ("UV_CONSTRAINT", "UV_BUILD_CONSTRAINT", "UV_OVERRIDE", "UV_EXCLUDE", "UV_PRERELEASE", "UV_SYSTEM_PYTHON")
_STRIPPED = (*_OF_PYTHON, *_OF_UV)


def _add_own_folder(folder: Path) -> None:
    """Have every Python of the environment run `own_folder.py` when it starts."""
    (packages,) = folder.glob("lib/python*/site-packages")
    shutil.copyfile(str(Path(__file__).with_name("own_folder.py")), str(packages / "_own_folder.py"))
    (packages / "_own_folder.pth").write_text("import _own_folder\n")


def _add_base(folder: Path, base: Environment) -> None:
    """Have every Python of an environment find the packages that another one has when Python starts."""
    (packages,) = folder.glob("lib/python*/site-packages")
    there = base.folder / "lib" / ("python" + base.python) / "site-packages"
    line = f"import os, site; site.addsitedir(os.path.realpath({str(there)!r}))\n"
    (packages / "_base_environment.pth").write_text(line)


def _commands(environment: Environment, folder: Path, uv: Path, python: Path) -> list[list[str]]:
    target = str(folder / "bin" / "python")
    options = ["--no-config", "--require-hashes", "--compile-bytecode", "--python", target]
    return [
        [str(uv), "venv", "--quiet", "--no-config", "--python", str(python), str(folder)],
        [str(uv), "pip", "sync", *options, str(environment.lock)],
    ]


def _failure(environment: Environment, command: list[str]) -> str:
    last = environment.log.read_text(errors="replace").splitlines()[-15:]
    return "\n".join(
        [
            "The {} environment could not be built: `{}` failed.".format(environment.name, " ".join(command[:3])),
            *("  " + line for line in last),
            f"All of it is in {environment.log}. Nothing has changed. Once the cause is gone, repeat.",
        ]
    )
