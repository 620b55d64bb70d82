"""Restores a backup into an empty installation."""

import shutil
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

from airflow_bert_service.backup.contents import FILES, FOLDERS, read_sums
from airflow_bert_service.backup.databases import Database
from airflow_bert_service.exceptions import BackupError
from airflow_bert_service.files import sync
from airflow_bert_service.settings.settings import RESTORING


def restore(folder: Path, databases: Mapping[str, Database], state: Path, settle: Callable[[], str]) -> str:
    """Restore a backup: files, then databases, then settle. From its beginning to its end, a file says so.

    Where that file is, a restore has begun before, into empty places: it begins anew. Nothing may run meanwhile.

    Args:
        folder: The backup.
        databases: By name.
        state: The state folder.
        settle: Brings restored files in line with restored databases, and says what it has done.

    Returns:
        What settling has said.

    Raises:
        BackupError: The backup is damaged, of another path, or of other kinds of databases; or a database or a folder
            is not empty. Nothing was changed.
        BertServiceError: Something went wrong in the middle; the state cannot be used until a restore ends.
    """
    sums = read_sums(folder)
    kinds = {name: found.kind for name, found in databases.items()}
    if sums.kinds != kinds:
        raise BackupError(
            f"{folder} has the databases {_listed(sums.kinds)}; the settings have {_listed(kinds)}; allowed: the same "
            "ones. Nothing was changed. Correct the settings, or name another backup."
        )
    if sums.state != state:
        raise BackupError(
            f"{folder} has the state folder {sums.state}; [bert_service] state is {state}; allowed: the same path, "
            "which ML Metadata has in every artifact's address. Nothing was changed. Mount or link the folder there, "
            "and set state to it."
        )
    marker = state / RESTORING
    if not marker.exists():
        _require_empty(databases, state)
        state.mkdir(parents=True, exist_ok=True)
        marker.write_text(f"{folder}\n")
        sync(marker)
        sync(state)
    for name in FOLDERS:
        if (state / name).exists():
            shutil.rmtree(state / name)
    with tarfile.open(folder / FILES) as archive:
        archive.extractall(state, filter="data")  # no links to outside, no absolute paths
    for name, found in databases.items():
        found.load(folder / f"{name}.dump")
    said = settle()
    marker.unlink()
    sync(state)
    return said


def _require_empty(databases: Mapping[str, Database], state: Path) -> None:
    full = [f"the database {name}" for name, found in databases.items() if not found.is_empty()]
    full += [f"the folder {state / name}" for name in FOLDERS if _has_entries(state / name)]
    if full:
        raise BackupError(
            f"{', '.join(full)} is not empty; allowed: empty databases, and a state folder without "
            f"{', '.join(FOLDERS)}. Nothing was changed. Stop everything, and move them away or make "
            "new ones, then repeat."
        )


def _has_entries(folder: Path) -> bool:
    # A link, also one that leads nowhere, would be followed by what is extracted.
    return folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir())))


def _listed(kinds: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({kind})" for name, kind in kinds.items())
