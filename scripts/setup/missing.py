"""Builds environments that are not ready, several at a time."""

from __future__ import annotations

import fcntl
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Sequence

from scripts.errors import SetupError
from scripts.setup.builds import check_place
from scripts.setup.environments import Environment, build
from scripts.setup.machine import check_machine, this_machine
from scripts.setup.pythons import find_python
from scripts.setup.uv import UV_LOCK, ask_uv_for_python, find_or_fetch_uv


def build_missing(environments: Sequence[Environment], home: Path) -> int:
    """Build the environments that are not ready; return the exit code.

    Args:
        environments: What there should be; all of one root.
        home: The folder that holds them. Of several processes, one at a time builds there.
    """
    if home.is_symlink() and not home.exists():
        print(f"\nSet-up failed. {_linked(home)}", file=sys.stderr)
        return 1
    home.mkdir(parents=True, exist_ok=True)
    with (home / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # `make demo` and `make test` may be started together
        wanted = [environment for environment in environments if not environment.is_ready()]
        try:
            if wanted:
                _build_all(wanted, home)
        except SetupError as error:
            print(f"\nSet-up failed. {error}", file=sys.stderr)
            return 1
    return 0


def _linked(home: Path) -> str:
    return (
        f"{home} is a link to {os.path.realpath(str(home))}; allowed: a folder of this checkout's own, or a link to "
        "environments that are ready. Set-up builds nothing through a link: what is there may be in use elsewhere. "
        f"Remove the link (rm {home}), or build where it points to, then repeat."
    )


def _build_all(wanted: Sequence[Environment], home: Path) -> None:
    if home.is_symlink():
        raise SetupError(_linked(home))
    for environment in wanted:
        check_machine(environment, this_machine())  # both before minutes are spent
        check_place(environment.folder)
    environ = dict(os.environ)
    uv = find_or_fetch_uv(home, wanted[0].root / UV_LOCK, environ)
    pythons = [_python_for(environment, uv, home, environ) for environment in wanted]
    with ThreadPoolExecutor() as pool:
        jobs = [pool.submit(_build, item, uv, python, environ) for item, python in zip(wanted, pythons)]
        for job in jobs:
            job.result()


def _python_for(environment: Environment, uv: Path, home: Path, environ: dict[str, str]) -> Path:
    version = environment.python
    python = find_python(version, environ) or ask_uv_for_python(uv, version, home, environ)
    if python is None:
        msg = (
            f"The {environment.name} environment needs Python {version}. None was found on PATH or among pyenv's "
            f"versions, and uv could not download one. Install it (`pyenv install {version}`, or apt-get install "
            f"python{version} python{version}-venv where your release has it), then repeat."
        )
        raise SetupError(msg)
    return python


def _build(environment: Environment, uv: Path, python: Path, environ: dict[str, str]) -> None:
    count = sum(line[:1].isalnum() for line in environment.lock.read_text().splitlines())
    reason = f" (Python {environment.python}: {environment.reason})" if environment.reason else ""
    print(f"{environment.name}: installing {count} packages on {python}{reason}", flush=True)
    started = time.monotonic()
    build(environment, uv, python, environ)
    print(f"{environment.name}: ready after {time.monotonic() - started:.0f} s", flush=True)
