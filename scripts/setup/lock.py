"""`python3 -m scripts.setup.lock [--upgrade]`: turns requirements/*.in into lock files that pin every package."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Sequence

from scripts.errors import SetupError
from scripts.setup.environments import all_environments
from scripts.setup.uv import find_or_fetch_uv

# A lock names packages and hashes, not where they were fetched from: everybody's index is their own.
OPTIONS = ["--quiet", "--generate-hashes", "--no-emit-index-url", "--no-emit-find-links"]
UV_PYTHON = "3.8"  # the oldest that set-up itself runs on


def main(arguments: Sequence[str], root: Path) -> int:
    """Write the locks; without `--upgrade`, versions stay where the .in files allow it."""
    try:
        uv = find_or_fetch_uv(root, os.environ)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    versions = {environment.name: environment.python for environment in all_environments(root)}
    for name, python in {**versions, "uv": UV_PYTHON}.items():
        print(f"requirements/{name}.txt", flush=True)
        if subprocess.run(_command(uv, name, python, arguments), cwd=str(root), check=False).returncode != 0:
            return 1
    return 0


def _command(uv: Path, name: str, python: str, arguments: Sequence[str]) -> list[str]:
    """The dependency metadata in pyproject.toml is read here, so configuration is not switched off."""
    upgrade = ["--upgrade"] if "--upgrade" in arguments else []
    files = [f"requirements/{name}.in", "--output-file", f"requirements/{name}.txt"]
    header = ["--custom-compile-command", "make lock"]
    return [str(uv), "pip", "compile", "--python-version", python, *OPTIONS, *header, *upgrade, *files]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Path(__file__).resolve().parent.parent.parent))
