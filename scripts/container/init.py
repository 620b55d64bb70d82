"""`python -m scripts.container.init`: sets up Airflow's database, the GPU pool, the first user and the models' folder.

Reads the file that ADMIN_PASSWORD_FILE names for the user `admin`, who is made where there is none; a password changed
in the UI stays. And GPU_SLOTS, the number of slots of the pool `gpu`, one for each GPU. It is safe to repeat.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.stack.paths import RESTORING, find_paths

USER = (
    "--username",
    "admin",
    "--role",
    "Admin",
    "--firstname",
    "Admin",
    "--lastname",
    "Admin",
    "--email",
    "admin@localhost",
)


def main(environ: Mapping[str, str]) -> int:
    """Run the steps; return the exit code of the first that failed, else 0."""
    file = environ.get("ADMIN_PASSWORD_FILE", "")
    try:
        password = Path(file).read_text().strip() if file else ""
    except OSError as error:
        print(f"ADMIN_PASSWORD_FILE is {file}: {error}. Run: python3 -m scripts.compose_secrets", file=sys.stderr)
        return 1
    if not password:
        print(
            f"ADMIN_PASSWORD_FILE is {file!r}; allowed: a file with the password of the user admin. "
            "Run: python3 -m scripts.compose_secrets",
            file=sys.stderr,
        )
        return 1
    if (find_paths(environ).state / RESTORING).exists():
        print(
            "A restore began and has not ended; allowed: volumes that are whole. Run again: python3 -m "
            "scripts.compose_backup restore FOLDER",
            file=sys.stderr,
        )
        return 1
    steps: Sequence[tuple[Sequence[str], str]] = (
        (("airflow", "db", "migrate"), ""),
        (("airflow", "pools", "set", "gpu", environ.get("GPU_SLOTS", "1"), "One job for each GPU"), ""),
        # Asked for twice, and read from standard input: command lines can be read by others.
        (("airflow", "users", "create", *USER), f"{password}\n{password}\n"),
    )
    _make_models_folder(environ)
    for command, text in steps:
        print(f"init: {' '.join(command[:3])}", flush=True)
        code = subprocess.run(command, input=text, text=True, check=False).returncode
        if code != 0:
            return code
    return 0


def _make_models_folder(environ: Mapping[str, str]) -> None:
    """Make the folder that the model servers watch; they see it from their start, and read only."""
    folder = find_paths(environ).models
    folder.mkdir(parents=True, exist_ok=True)
    print(f"init: {folder}", flush=True)


if __name__ == "__main__":
    sys.exit(main(os.environ))
