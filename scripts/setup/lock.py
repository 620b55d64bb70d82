"""`python3 -m scripts.setup.lock [--upgrade]`: resolves requirements/*.in into lock files that pin every package.

Those of the container images in docker/requirements/ follow: the same versions, without what checks and tests need.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Sequence

from scripts.errors import SetupError
from scripts.setup.environments import all_environments, notebook_environment, tools_environment
from scripts.setup.uv import UV_LOCK, find_or_fetch_uv

# A lock names packages and hashes, not where they were fetched from: everybody's index is their own.
OPTIONS = ["--quiet", "--generate-hashes", "--no-emit-index-url", "--no-emit-find-links"]
UV_PYTHON = "3.8"  # the oldest that set-up itself runs on
NOT_IN_IMAGES = "# Checks and tests"  # what follows it in an .in file
IMAGES = Path("docker/requirements")
OVERRIDES = {"tfx": "requirements/tfx.overrides"}  # releases that are taken whatever packages ask for


def main(arguments: Sequence[str], root: Path) -> int:
    """Write the locks; without `--upgrade`, versions stay where the .in files allow it."""
    try:
        uv = find_or_fetch_uv(root / ".venv", root / UV_LOCK, os.environ)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    versions = {environment.name: environment.python for environment in all_environments(root)}
    commands = {f"requirements/{name}.txt": _command(uv, name, python, arguments) for name, python in versions.items()}
    commands["requirements/tools.txt"] = _command(uv, "tools", tools_environment(root).python, arguments)
    commands["requirements/kubeflow.txt"] = _command(uv, "kubeflow", versions["tfx"], arguments)
    notebook = notebook_environment(root)
    # Where both environments have a package, it is the same release.
    same = ["-c", str(Path("requirements") / "tfx.txt")]
    commands["requirements/notebook.txt"] = [*_command(uv, notebook.name, notebook.python, arguments), *same]
    commands["requirements/uv.txt"] = _command(uv, "uv", UV_PYTHON, arguments)
    commands["requirements/build.txt"] = _command(uv, "build", versions["airflow"], arguments)
    for name, python in versions.items():
        commands[f"{IMAGES}/{name}.txt"] = _image_command(uv, name, python, ["-", "-c", f"requirements/{name}.txt"])
    # Of it, the image needs what nodes import alone, beside what the TFX environment has.
    kubeflow = [f"{IMAGES}/kubeflow.in", "--no-emit-package", "protobuf"]
    commands[f"{IMAGES}/kubeflow.txt"] = _image_command(uv, "kubeflow", versions["tfx"], kubeflow)
    for name in ("serving", "cuda"):
        commands[f"{IMAGES}/{name}.txt"] = _image_command(uv, name, versions["tfx"], [f"{IMAGES}/{name}.in"])
    for lock, command in commands.items():
        print(lock, flush=True)
        source = root / "requirements" / Path(lock).with_suffix(".in").name
        text = source.read_text().partition(NOT_IN_IMAGES)[0] if "-" in command else ""
        if subprocess.run(command, cwd=str(root), input=text, text=True, check=False).returncode != 0:
            return 1
    return 0


def _command(uv: Path, name: str, python: str, arguments: Sequence[str]) -> list[str]:
    """The dependency metadata in pyproject.toml is read here, so there is no flag ``--no-config``."""
    upgrade = ["--upgrade"] if "--upgrade" in arguments else []
    files = [f"requirements/{name}.in", "--output-file", f"requirements/{name}.txt"]
    return [*_compile(uv, name, python), *upgrade, *files]


def _image_command(uv: Path, name: str, python: str, source: Sequence[str]) -> list[str]:
    """An image's lock names no reasons, which would be other files' paths."""
    return [*_compile(uv, name, python), "--no-annotate", *source, "--output-file", f"{IMAGES}/{name}.txt"]


def _compile(uv: Path, name: str, python: str) -> list[str]:
    header = ["--custom-compile-command", "make lock"]
    overrides = ["--overrides", OVERRIDES[name]] if name in OVERRIDES else []
    return [str(uv), "pip", "compile", "--python-version", python, *OPTIONS, *header, *overrides]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Path(__file__).resolve().parent.parent.parent))
