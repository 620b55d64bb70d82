"""``setup-tfx``: builds the TFX environment."""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from airflow_bert_service.installation import program, project_root
from airflow_bert_service.settings.settings import load_settings

_NOT_PYTHONS = ("PYTHONPATH", "PYTHONHOME")


def main(arguments: Sequence[str]) -> int:
    """Build the TFX environment unless it is ready; return the exit code."""
    parser = argparse.ArgumentParser(
        prog=f"{program()} setup-tfx",
        description="Build the TFX environment from the lock file with hashes, with uv (fetched by pip where it is not "
        "on PATH) and Python 3.11 (looked for on PATH and among pyenv's, else downloaded by uv). It takes some "
        "minutes, and 4 GB of disk.",
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, help="folder of the environment (default: that of the setting tfx_python)"
    )
    flags = parser.parse_args(arguments)
    settings = load_settings()
    folder = (flags.folder or settings.tfx_python.parents[1]).expanduser().absolute()
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_PYTHONS}
    # The scripts need nothing installed, and stand beside tfx_modules; nothing is written there.
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    words = [sys.executable, "-m", "scripts.setup.tfx", str(folder)]
    code = subprocess.run(words, cwd=project_root(), env=environment, check=False).returncode
    if code == 0:
        print(f"The TFX environment is ready in {folder}.")
        if (python := folder / "bin" / "python") != settings.tfx_python:
            print(f"Now set in section [bert_service] of airflow.cfg: tfx_python = {python}")
    return code
