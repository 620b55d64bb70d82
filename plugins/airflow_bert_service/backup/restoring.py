"""Restores a backup into an empty installation."""

import shutil
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

from airflow_bert_service.backup.contents import ARTIFACTS, FILES, FOLDERS, SavedFolders, read_sums
from airflow_bert_service.backup.databases import Database
from airflow_bert_service.exceptions import BackupError
from airflow_bert_service.files import sync
from airflow_bert_service.settings.settings import RESTORING


def restore(folder: Path, databases: Mapping[str, Database], saved: SavedFolders, settle: Callable[[], str]) -> str:
    """Restore a backup: files, then databases, then settle. From its beginning to its end, a file says so.

    Where that file is, a restore has begun before, into empty places: it begins anew. Nothing may run meanwhile.

    Args:
        folder: The backup.
        databases: By name.
        saved: The folders of the installation.
        settle: Brings restored files in line with restored databases, and says what it has done.

    Returns:
        What settling has said.

    Raises:
        BackupError: The backup is damaged, of another path, or of other kinds of databases; or a database or a folder
            is not empty. Nothing was changed.
        BertServiceError: Something went wrong in the middle; the state cannot be used until a restore ends.
    """
    state, artifacts = saved.state, saved.artifacts
    _require_same(folder, databases, saved)
    marker = state / RESTORING
    if not marker.exists():
        _require_empty(databases, saved)
        state.mkdir(parents=True, exist_ok=True)
        marker.write_text(f"{folder}\n")
        sync(marker)
        sync(state)
    for name in FOLDERS:
        if (state / name).exists():
            shutil.rmtree(state / name)
    _extract(folder / FILES, state)
    if artifacts is not None:
        _empty(artifacts)
        _extract(folder / ARTIFACTS, artifacts)
    for name, found in databases.items():
        found.load(folder / f"{name}.dump")
    said = settle()
    marker.unlink()
    sync(state)
    return said


def _require_same(folder: Path, databases: Mapping[str, Database], saved: SavedFolders) -> None:
    sums = read_sums(folder)
    kinds = {name: found.kind for name, found in databases.items()}
    if sums.kinds != kinds:
        raise BackupError(
            f"{folder} has the databases {_listed(sums.kinds)}; the settings have {_listed(kinds)}; allowed: the same "
            "ones. Nothing was changed. Correct the settings, or name another backup."
        )
    if sums.folders.state != saved.state:
        raise BackupError(
            f"{folder} has the state folder {sums.folders.state}; [bert_service] state is {saved.state}; allowed: the "
            "same path, which ML Metadata has in every artifact's address. Nothing was changed. Mount or link the "
            "folder there, and set state to it."
        )
    if sums.folders.artifacts != saved.artifacts:
        raise BackupError(
            f"{folder} has artifacts of {sums.folders.artifacts or 'the state folder'}, and by [bert_service] "
            f"artifact_folder they are in {saved.artifacts or 'the state folder'}; allowed: the same path, which ML "
            "Metadata has in every artifact's address. Nothing was changed. Set artifact_folder as it was."
        )


def _extract(archive_file: Path, into: Path) -> None:
    with tarfile.open(archive_file) as archive:
        archive.extractall(into, filter="data")  # no links to outside, no absolute paths


def _empty(folder: Path) -> None:
    """Empty a folder, which may be one where a disk is mounted, or make it."""
    folder.mkdir(parents=True, exist_ok=True)
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _folders_of(saved: SavedFolders) -> list[Path]:
    below = [saved.state / name for name in FOLDERS]
    return below if saved.artifacts is None else [*below, saved.artifacts]


def _require_empty(databases: Mapping[str, Database], saved: SavedFolders) -> None:
    full = [f"the database {name}" for name, found in databases.items() if not found.is_empty()]
    full += [f"the folder {path}" for path in _folders_of(saved) if _has_entries(path)]
    if full:
        raise BackupError(
            f"{', '.join(full)} is not empty; allowed: empty databases, a state folder without "
            f"{', '.join(FOLDERS)}, and an empty artifact_folder. Nothing was changed. Stop everything, and move them "
            "away or make new ones, then repeat."
        )


def _has_entries(folder: Path) -> bool:
    # A link, also one that leads nowhere, would be followed by what is extracted.
    return folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir())))


def _listed(kinds: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({kind})" for name, kind in kinds.items())
