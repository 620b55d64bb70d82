"""`python3 -m scripts.setup [docs]`: builds what is missing, and nothing when nothing is.

Without an argument, the two environments that the project runs in; with `docs`, the one that builds the docs site.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Sequence

from scripts.errors import SetupError
from scripts.setup.environments import Environment, all_environments, build, docs_environment
from scripts.setup.pythons import find_python
from scripts.setup.uv import ask_uv_for_python, find_or_fetch_uv


def main(root: Path, arguments: Sequence[str] = ()) -> int:
    """Build the environments that are not ready; return the exit code."""
    if list(arguments) not in ([], ["docs"]):
        print(f"Set-up got {' '.join(arguments)}; allowed: nothing, or docs.", file=sys.stderr)
        return 2
    folder = root / ".venv"
    folder.mkdir(exist_ok=True)
    with (folder / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # `make demo` and `make test` may be started together
        asked_for = (docs_environment(root),) if arguments else all_environments(root)
        wanted = [environment for environment in asked_for if not environment.is_ready()]
        try:
            if wanted:
                _build_all(wanted, root)
        except SetupError as error:
            print(f"\nSet-up failed. {error}", file=sys.stderr)
            return 1
    return 0


def _build_all(wanted: Sequence[Environment], root: Path) -> None:
    environ = dict(os.environ)
    uv = find_or_fetch_uv(root, environ)
    pythons = [_python_for(environment, uv, environ) for environment in wanted]
    with ThreadPoolExecutor() as pool:
        jobs = [pool.submit(_build, item, uv, python, environ) for item, python in zip(wanted, pythons)]
        for job in jobs:
            job.result()


def _python_for(environment: Environment, uv: Path, environ: dict[str, str]) -> Path:
    version = environment.python
    python = find_python(version, environ) or ask_uv_for_python(uv, version, environment.root, environ)
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
    print(f"{environment.name}: installing {count} packages on {python}", flush=True)
    started = time.monotonic()
    build(environment, uv, python, environ)
    print(f"{environment.name}: ready after {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent.parent.parent, sys.argv[1:]))
