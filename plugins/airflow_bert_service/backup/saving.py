"""Makes a backup while everything runs."""

import os
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from airflow_bert_service.backup.contents import ARTIFACTS, COPY_MARKS, FILES, FOLDERS, SavedFolders, write_sums
from airflow_bert_service.backup.databases import Database
from airflow_bert_service.exceptions import BackupError


def save(folder: Path, databases: Mapping[str, Database], saved: SavedFolders) -> None:
    """Write a backup into a new folder: the databases in their order, and the files after them.

    So every file that a database names is in the backup. The files may have what came later; a restore moves that
    aside.

    Args:
        folder: Where it goes; it is made, for its owner alone.
        databases: By name, in the order in which they are saved.
        saved: The folders of the installation.

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
        _archive(folder / FILES, saved.state, FOLDERS)
        if saved.artifacts is not None:
            _archive(folder / ARTIFACTS, saved.artifacts, (".",))
    except OSError as error:
        raise BackupError(
            f"a file of {saved.state}, or of the artifacts, changed while it was saved, or cannot be read: {error}. "
            f"Remove {folder}, and repeat."
        ) from error
    write_sums(folder, {name: found.kind for name, found in databases.items()}, saved)


def _archive(file: Path, above: Path, names: Iterable[str]) -> None:
    # Models are nearly incompressible: the fastest level saves most of what there is to save.
    with tarfile.open(file, "w:gz", compresslevel=1) as archive:
        for path in _paths(above, names):
            # It may have been removed meanwhile, as by a retention, which leaves what the databases keep.
            with suppress(FileNotFoundError):
                archive.add(path, path.relative_to(above), recursive=False)


def _paths(above: Path, names: Iterable[str]) -> Iterator[Path]:
    for name in names:
        if not (above / name).is_dir():
            continue
        yield above / name
        for parent, folders, files in os.walk(above / name):
            folders[:] = [folder for folder in folders if folder != COPY_MARKS]
            yield from (Path(parent, entry) for entry in sorted((*folders, *files)))
