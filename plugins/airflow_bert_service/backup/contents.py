"""Defines what a backup is made of, and writes and checks the sums of its files.

A backup is a folder with a file for each database, an archive of folders of the state, one of the artifact folder where
that is elsewhere, and ``backup.json``, which is written last: without it, the backup is not complete.
"""

import datetime as dt
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_bert_service.exceptions import BackupError
from airflow_bert_service.files import publishing, sha256, sync
from airflow_bert_service.settings.database_url import database_url
from airflow_bert_service.settings.settings import Settings

FORMAT = 1
FORMAT_WITH_ARTIFACTS = 2
"""Of a backup with an archive more: releases that do not know it refuse the backup."""
SUMS = "backup.json"
FILES = "state.tar.gz"
ARTIFACTS = "artifacts.tar.gz"
FOLDERS = ("annotations", "bundles", "holdouts", "models", "pipeline", "pipelines", "spans")
"""Folders of the state that are saved. Secrets and logs are not, nor what can be downloaded again."""
COPY_MARKS = ".copies"
"""The folder that says which copies of stored artifacts are whole. It is not saved: a copy may be removed while it is
being saved, and a restored one without its mark is copied from the store anew."""


@dataclass(frozen=True)
class SavedFolders:
    """Where the folders of an installation are."""

    state: Path
    artifacts: Path | None = None
    """The folder of artifacts, where it is none of the state's that are saved anyway."""

    @classmethod
    def of(cls, settings: Settings) -> "SavedFolders":
        """Return the folders that settings name.

        Raises:
            BackupError: The state folder is in the folder of artifacts, so that it would be saved, and emptied, too.
        """
        state, artifacts = (Path(os.path.normpath(path)) for path in (settings.state, settings.pipeline_root))
        if state.is_relative_to(artifacts):
            raise BackupError(
                f"[bert_service] artifact_folder is {artifacts}, and has the state folder {state} in it; allowed: a "
                "folder of artifacts alone. Nothing was changed. Move the artifacts to one, and name it."
            )
        is_saved = any(artifacts.is_relative_to(state / name) for name in FOLDERS)
        return cls(settings.state, None if is_saved else settings.pipeline_root)


@dataclass(frozen=True)
class Sums:
    """What ``backup.json`` says."""

    made_at: str
    folders: SavedFolders
    """The folders that were saved. ML Metadata and the ledger have absolute paths below them."""
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


def write_sums(folder: Path, kinds: Mapping[str, str], saved: SavedFolders) -> None:
    """Write ``backup.json`` about the files that are in a folder; it is complete with it."""
    files = {file.name: sha256(file) for file in sorted(folder.iterdir())}
    made_at = dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds")
    fields = {"format": FORMAT, "made_at": made_at, "state": str(saved.state), "databases": dict(kinds), "files": files}
    if saved.artifacts is not None:
        fields |= {"format": FORMAT_WITH_ARTIFACTS, "artifacts": str(saved.artifacts)}
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
    wrong += sorted(_archives(made.folders) - made.files.keys())
    if wrong:
        raise BackupError(
            f"{folder}: {', '.join(wrong)} is missing, or has changed since {made.made_at}; allowed: files "
            f"with the SHA-256 of {SUMS}. Nothing was changed. Take another copy of the backup, or another backup."
        )
    return made


def _read(found: Mapping[str, Any]) -> Sums:
    artifacts = Path(found["artifacts"]) if found["format"] == FORMAT_WITH_ARTIFACTS else None
    saved = SavedFolders(Path(found["state"]), artifacts)
    return Sums(str(found["made_at"]), saved, dict(found["databases"]), dict(found["files"]))


_READERS: Mapping[Any, Callable[[Mapping[str, Any]], Sums]] = {FORMAT: _read, FORMAT_WITH_ARTIFACTS: _read}


def _archives(saved: SavedFolders) -> frozenset[str]:
    return frozenset({FILES} if saved.artifacts is None else {FILES, ARTIFACTS})


def _is_whole(file: Path, digest: str) -> bool:
    return file.is_file() and sha256(file) == digest
