"""Finds uv, or installs it into the project's own folder, and gets a Python from it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Mapping

from scripts.errors import SetupError

UV_LOCK = Path("requirements/uv.txt")
OLDEST = (0, 5, 0)  # every flag used here is there since then


def find_or_fetch_uv(home: Path, lock: Path, environ: Mapping[str, str]) -> Path:
    """Return a uv that runs: the one on PATH, the one fetched before, or a freshly fetched one.

    Args:
        home: The folder that holds environments; a fetched uv gets a folder of its own in it.
        lock: The file that pins uv.
        environ: The environment variables to run with.

    Raises:
        SetupError: pip cannot fetch uv, or would write through a symbolic link; the message says what to do.
    """
    folder = home / "uv"
    on_path = shutil.which("uv", path=environ.get("PATH"))
    for uv in [Path(on_path)] if on_path else []:
        if new_enough(uv):
            return uv
    if not new_enough(folder / "bin" / "uv"):
        if home.is_symlink() or folder.is_symlink():
            raise SetupError(
                f"uv was not found, and {folder} is, or is behind, a symbolic link; allowed: a folder of this "
                "checkout's own to fetch it into. Put uv on PATH, or remove the link, then repeat."
            )
        home.mkdir(parents=True, exist_ok=True)
        print(f"uv: not found, installing it into {folder}", flush=True)
        _fetch(folder, lock, environ)
    return folder / "bin" / "uv"


def new_enough(uv: Path) -> bool:
    """Whether `uv` runs and is not older than what this project needs."""
    try:
        done = subprocess.run([str(uv), "--version"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    except OSError:
        return False
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", done.stdout.decode("utf-8", "replace"))
    return done.returncode == 0 and found is not None and tuple(int(part) for part in found.groups()) >= OLDEST


def ask_uv_for_python(uv: Path, version: str, home: Path, environ: Mapping[str, str]) -> Path | None:
    """Return a Python `version` that uv has or can download into the folder `python` of `home`, or None."""
    own = dict(environ, UV_PYTHON_INSTALL_DIR=str(home / "python"))
    find = [str(uv), "python", "find", "--no-config", "--no-project", "--managed-python", version]
    for settings in (dict(environ), own):
        if settings is own:
            print(f"Python {version}: not found, getting it with uv", flush=True)
            subprocess.run([str(uv), "python", "install", "--no-config", version], env=own, check=False)
        done = subprocess.run(find, env=settings, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        if done.returncode == 0:
            return Path(done.stdout.decode("utf-8").strip())
    return None


def _fetch(folder: Path, lock: Path, environ: Mapping[str, str]) -> None:
    """Install uv with pip: in an environment of its own, else (no venv module) into a plain folder.

    Both are temporary: uv is a single program, of which a copy is kept. Nothing that is in the folder is removed.
    """
    options = ["--quiet", "--require-hashes", "--only-binary=:all:", "--requirement", str(lock)]
    with tempfile.TemporaryDirectory(dir=str(folder.parent), prefix="uv-") as temporary:
        made, plain = Path(temporary) / "environment", Path(temporary) / "plain"
        make = [sys.executable, "-m", "venv", str(made)]
        if _run(make, environ) and _run([str(made / "bin" / "python"), "-m", "pip", "install", *options], environ):
            _keep(made / "bin" / "uv", folder / "bin" / "uv")
            return
        # Debian splits venv off from Python, and marks Python as its own (PEP 668), which --target does not touch.
        into = ["--target", str(plain)]
        if _run([sys.executable, "-m", "pip", "install", *into, *options], environ, show=True):
            _keep(plain / "bin" / "uv", folder / "bin" / "uv")
            return
    msg = (
        f"uv is missing and {sys.executable} can neither make an environment nor run pip to fetch it. Put uv on "
        "PATH, or install what Python lacks (Debian, Ubuntu: apt-get install python3-venv), then repeat."
    )
    raise SetupError(msg)


def _keep(program: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name("uv.part")
    shutil.copy2(str(program), str(part))
    part.replace(place)


def _run(command: list[str], environ: Mapping[str, str], show: bool = False) -> bool:  # noqa: FBT001, FBT002
    quiet = None if show else subprocess.DEVNULL
    return subprocess.run(command, env=dict(environ), stdout=quiet, stderr=quiet, check=False).returncode == 0
