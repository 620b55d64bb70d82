"""Defines what a backup is made of, and writes and checks the sums of its files.

A backup is a folder with a file for each database, an archive of folders of the state, and ``backup.json``, which is
written last: without it, the backup is not complete.
"""

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_bert_service.exceptions import BackupError
from airflow_bert_service.files import publishing, sha256, sync
from airflow_bert_service.settings.database_url import database_url
from airflow_bert_service.settings.settings import Settings

FORMAT = 1
SUMS = "backup.json"
FILES = "state.tar.gz"
FOLDERS = ("annotations", "bundles", "holdouts", "models", "pipeline", "pipelines", "spans")
"""Folders of the state that are saved. Secrets and logs are not, nor what can be downloaded again."""
COPY_MARKS = ".copies"
"""The folder that says which copies of stored artifacts are whole. It is not saved: a copy may be removed while it is
being saved, and a restored one without its mark is copied from the store anew."""


@dataclass(frozen=True)
class Sums:
    """What ``backup.json`` says."""

    made_at: str
    state: Path
    """The state folder that was saved. ML Metadata and the ledger have absolute paths below it."""
    kinds: Mapping[str, str]
    """``sqlite`` or ``postgresql`` by the name of the database."""
    files: Mapping[str, str]
    """SHA-256 by file name."""


def databases_of(settings: Settings) -> dict[str, str]:
    """Return the addresses of the databases by name, in the order in which they are saved.

    What one of them names, those after it have, and the files have what all of them name: Airflow's names nodes that
    have succeeded, the ledger names runs and versions, ML Metadata names artifacts.

    Raises:
        SettingsError: A database is a connection that Airflow does not have.
    """
    # Imported here: a module that only takes Settings needs no Airflow.
    from airflow.configuration import conf

    return {
        "airflow": str(conf.get("database", "sql_alchemy_conn")),
        "ledger": database_url(settings.ledger),
        "mlmd": database_url(settings.metadata),
    }


def write_sums(folder: Path, kinds: Mapping[str, str], state: Path) -> None:
    """Write ``backup.json`` about the files that are in a folder; it is complete with it."""
    files = {file.name: sha256(file) for file in sorted(folder.iterdir())}
    made_at = dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds")
    fields = {"format": FORMAT, "made_at": made_at, "state": str(state), "databases": dict(kinds), "files": files}
    for name in files:
        sync(folder / name)
    with publishing(folder / SUMS) as part:
        part.write_text(json.dumps(fields) + "\n")


def read_sums(folder: Path) -> Sums:
    """Read ``backup.json``, and compare the files with it.

    Raises:
        BackupError: The folder is no complete backup, or a file is missing or has changed.
    """
    try:
        found = json.loads((folder / SUMS).read_text())
        # An unknown format is a KeyError, as a missing field is.
        made = _READERS[found["format"]](found)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BackupError(
            f"{folder} has no {SUMS} that can be read ({error}); allowed: a complete backup. The backup was "
            "interrupted, or this is none. Nothing was changed. Name another folder."
        ) from error
    wrong = [name for name, digest in made.files.items() if not _is_whole(folder / name, digest)]
    if wrong or FILES not in made.files:
        raise BackupError(
            f"{folder}: {', '.join(wrong) or FILES} is missing, or has changed since {made.made_at}; allowed: files "
            f"with the SHA-256 of {SUMS}. Nothing was changed. Take another copy of the backup, or another backup."
        )
    return made


def _read(found: Mapping[str, Any]) -> Sums:
    return Sums(str(found["made_at"]), Path(found["state"]), dict(found["databases"]), dict(found["files"]))


_READERS: Mapping[Any, Callable[[Mapping[str, Any]], Sums]] = {FORMAT: _read}


def _is_whole(file: Path, digest: str) -> bool:
    return file.is_file() and sha256(file) == digest
