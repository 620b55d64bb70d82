"""`python3 -m scripts.compose_backup save FOLDER` and `restore FOLDER`: backs up and restores the container stack.

`save` backs up a running stack: the databases first and the files after them, so that every file that a database names
is in the backup; the sums of all are written last. `restore` fills a new, empty stack: run `docker compose up -d
postgres`, then restore, then `up -d`. Until it has ended, the other services do not start. What the files have and the
databases do not know is moved aside at its end.
The backup has no secrets: keep a copy of `secrets/`, because a key in it encrypts Airflow's connections.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Mapping, Sequence

from scripts.errors import StackError

ROOT = Path(__file__).resolve().parent.parent
DATABASES = ("airflow", "ledger", "mlmd")  # each has what those before it name
FILES = "state.tar.gz"  # the volume `models` is mounted inside the volume `state`
SUMS = "backup.json"
RESTORING = ".restore-unfinished"  # in /state: what reads it there refuses to start
TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
# The folder `models` is the other volume; `init` makes an empty folder in it.
STATE_FILES = f"find /state -mindepth 1 -not -name {RESTORING} -not -type d -print -quit"
USAGE = "usage: python3 -m scripts.compose_backup save|restore FOLDER"


def compose_command() -> list[str]:
    """Return the Compose client's command: Docker's plugin (2 and later), or docker-compose (1.29).

    Raises:
        StackError: There is neither.
    """
    quiet = subprocess.DEVNULL
    for command in (["docker", "compose"], ["docker-compose"]):
        asked = [*command, "version"]
        if shutil.which(command[0]) and subprocess.run(asked, stdout=quiet, stderr=quiet).returncode == 0:
            return command
    raise StackError("There is no Compose client. Install docker-compose-plugin, or docker-compose 1.29 or newer.")


def save(folder: Path, environ: Mapping[str, str]) -> None:
    """Write a backup of a running stack into a new folder.

    Raises:
        StackError: The folder exists, or a command failed.
    """
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise StackError(
            f"{folder} exists; allowed: a new folder, which the backup creates. Name another one."
        ) from None
    for name in DATABASES:
        dump = ["pg_dump", "--username=postgres", "--format=custom", name]
        with (folder / f"{name}.dump").open("wb") as file:
            _run([*_inside("postgres", environ), *dump], environ, stdout=file)
    with (folder / FILES).open("wb") as file:
        # Logs and artifacts grow meanwhile: tar says so by exit code 1.
        tar = "tar --create --gzip --directory /state . || [ $? = 1 ]"
        _run([*_inside("dag-processor", environ), "sh", "-c", tar], environ, stdout=file)
    sums = {name: _sha256(folder / name) for name in _files()}
    part = folder / (SUMS + ".part")
    part.write_text(json.dumps({"files": sums}) + "\n")
    part.rename(folder / SUMS)


def restore(folder: Path, environ: Mapping[str, str]) -> None:
    """Restore a backup into a stack of which only PostgreSQL runs; where a restore was interrupted, begin anew.

    Raises:
        StackError: A file is missing or has changed, or databases and volumes are not empty: nothing was changed. Or a
            command failed: repeat the restore.
    """
    check_sums(folder)
    # Made, not started: for its volumes and image.
    _run([*compose_command(), "up", "--no-start", "--no-deps", "dag-processor"], environ, stdout=subprocess.DEVNULL)
    container = _container("dag-processor", environ)
    image = _said(["docker", "inspect", "--format", "{{.Config.Image}}", container], environ)
    run = ["docker", "run", "--rm", "--interactive", "--volumes-from", container, image]
    if not _said([*run, "sh", "-c", f"ls /state/{RESTORING} 2> /dev/null || true"], environ):
        _require_empty(run, environ)
    _run([*run, "sh", "-c", f"touch /state/{RESTORING} && sync /state"], environ)
    # Of an interrupted restore; the volumes were empty before it.
    _run(
        [*run, "find", "/state", "-mindepth", "1", "-not", "-type", "d", "-not", "-name", RESTORING, "-delete"], environ
    )
    with (folder / FILES).open("rb") as file:
        tar = ["tar", "--extract", "--gzip", "--directory", "/state", "--no-overwrite-dir"]
        _run([*run, *tar], environ, stdin=file)
    for name in DATABASES:
        load = ["pg_restore", "--username=postgres", "--clean", "--if-exists", "--exit-on-error", f"--dbname={name}"]
        with (folder / f"{name}.dump").open("rb") as file:
            _run([*_inside("postgres", environ), *load], environ, stdin=file)
    settle = ["python", "-m", "airflow_bert_service.cli", "retention", "settle"]
    print(_said([*compose_command(), "run", "--rm", "--no-deps", "dag-processor", *settle], environ))
    _run([*run, "rm", f"/state/{RESTORING}"], environ)


def check_sums(folder: Path) -> None:
    """Compare a backup's files with the sums that were written last.

    Raises:
        StackError: The backup is not complete, or a file has changed.
    """
    try:
        sums = json.loads((folder / SUMS).read_text())["files"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StackError(
            f"{folder} has no {SUMS} that can be read ({error}); it is no backup, or an incomplete one. Nothing was "
            "changed. Name another folder."
        ) from error
    wrong = [name for name in _files() if not (folder / name).is_file() or _sha256(folder / name) != sums.get(name)]
    if wrong:
        raise StackError(
            f"{folder}: {', '.join(wrong)} is missing, or is not what was saved; allowed: files with the SHA-256 of "
            f"{SUMS}. Nothing was changed. Take another copy of the backup, or another backup."
        )


def _require_empty(run: Sequence[str], environ: Mapping[str, str]) -> None:
    full = [f"the database {name}" for name in DATABASES if _said(_count(name, environ), environ) != "0"]
    if found := _said([*run, "sh", "-c", STATE_FILES], environ):
        full.append(f"the volumes (they have {found})")
    if full:
        raise StackError(
            f"{', '.join(full)} is not empty; allowed: a new stack of which only postgres was started. Nothing was "
            "changed. Run `docker compose down --volumes` where nothing of it is needed, then `docker compose up -d "
            "postgres`, and repeat."
        )


def _count(name: str, environ: Mapping[str, str]) -> list[str]:
    psql = ["psql", "--username=postgres", f"--dbname={name}", "--tuples-only", "--no-align", "--command", TABLES]
    return [*_inside("postgres", environ), *psql]


def _files() -> list[str]:
    return [*(f"{name}.dump" for name in DATABASES), FILES]


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as handle:
        for block in iter(lambda: handle.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def _inside(service: str, environ: Mapping[str, str]) -> list[str]:
    """Return the beginning of a command in a service's container; Compose's own `exec` may lose what it is sent."""
    return ["docker", "exec", "--interactive", _container(service, environ)]


def _container(service: str, environ: Mapping[str, str]) -> str:
    # The plugin lists containers that do not run only when told to; the older client always does.
    compose = compose_command()
    everything = ["--all"] if compose[0] == "docker" else []
    found = _said([*compose, "ps", *everything, "-q", service], environ).split()
    if len(found) != 1:
        raise StackError(
            f"{service} has {len(found)} containers; allowed: exactly one. Check with `docker compose ps`."
        )
    return found[0]


def _said(command: Sequence[str], environ: Mapping[str, str]) -> str:
    done = subprocess.run(command, cwd=str(ROOT), env=dict(environ), stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise StackError(f"`{' '.join(command[:6])} ...` exited with {done.returncode}.")
    return done.stdout.decode().strip()


def _run(command: Sequence[str], environ: Mapping[str, str], **streams: object) -> None:
    done = subprocess.run(command, cwd=str(ROOT), env=dict(environ), stderr=subprocess.PIPE, check=False, **streams)  # type: ignore[call-overload]
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise StackError(f"`{' '.join(command[:6])} ...` exited with {done.returncode}:\n{said}")


COMMANDS = {"save": save, "restore": restore}


def main(arguments: Sequence[str]) -> int:
    """Run the command that the arguments name."""
    if len(arguments) != 2 or arguments[0] not in COMMANDS:
        print(USAGE, file=sys.stderr)
        return 2
    try:
        COMMANDS[arguments[0]](Path(arguments[1]), os.environ)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
