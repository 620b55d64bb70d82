"""Makes a backup while everything runs."""

import os
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from airflow_bert_service.backup.contents import COPY_MARKS, FILES, FOLDERS, write_sums
from airflow_bert_service.backup.databases import Database
from airflow_bert_service.exceptions import BackupError


def save(folder: Path, databases: Mapping[str, Database], state: Path) -> None:
    """Write a backup into a new folder: the databases in their order, and the files after them.

    So every file that a database names is in the backup. The files may have what came later; a restore moves that
    aside.

    Args:
        folder: Where it goes; it is made, for its owner alone.
        databases: By name, in the order in which they are saved.
        state: The state folder.

    Raises:
        BackupError: The folder exists, or something cannot be saved.
    """
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise BackupError(
            f"{folder} exists; allowed: a new folder, which the backup makes. Name another one."
        ) from None
    for name, found in databases.items():
        found.save(folder / f"{name}.dump")
    try:
        _archive(folder / FILES, state)
    except OSError as error:
        raise BackupError(
            f"a file of {state} changed while it was saved, or cannot be read: {error}. Remove {folder}, and repeat."
        ) from error
    write_sums(folder, {name: found.kind for name, found in databases.items()}, state)


def _archive(file: Path, state: Path) -> None:
    # Models are nearly incompressible: the fastest level saves most of what there is to save.
    with tarfile.open(file, "w:gz", compresslevel=1) as archive:
        for path in _paths(state):
            # It may have been removed meanwhile, as by a retention, which leaves what the databases keep.
            with suppress(FileNotFoundError):
                archive.add(path, path.relative_to(state), recursive=False)


def _paths(state: Path) -> Iterator[Path]:
    for name in FOLDERS:
        if not (state / name).is_dir():
            continue
        yield state / name
        for parent, folders, files in os.walk(state / name):
            folders[:] = [folder for folder in folders if folder != COPY_MARKS]
            yield from (Path(parent, entry) for entry in sorted((*folders, *files)))
