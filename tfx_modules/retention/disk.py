"""Measures the size and age of files and folders, and removes folders in one step."""

import datetime as dt
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

_TRASH = ".trash"
_END_OF_TIME = dt.datetime.max.replace(tzinfo=dt.UTC)


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files below a folder; 0 where there is nothing, or nothing any longer."""
    if path.is_dir() and not path.is_symlink():
        return sum(size_of(Path(folder, name)) for folder, _, names in os.walk(path) for name in names)
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0


def changed_at(path: Path) -> dt.datetime:
    """Return when a file's inode changed last (``ctime``): when it was made, renamed or changed. Copies do not keep it.

    For what was removed meanwhile, the latest possible time is returned, so that it never counts as old.
    """
    return _moment_of(path, lambda found: found.st_ctime)


def written_at(path: Path) -> dt.datetime:
    """Return when a file was written, or a folder got or lost an entry, last (``mtime``); as above for what is gone."""
    return _moment_of(path, lambda found: found.st_mtime)


def _moment_of(path: Path, take: Callable[[os.stat_result], float]) -> dt.datetime:
    try:
        return dt.datetime.fromtimestamp(take(path.lstat()), tz=dt.UTC)
    except FileNotFoundError:
        return _END_OF_TIME


def is_own(path: Path, root: Path) -> bool:
    """Whether a path is below a folder by itself, and not by way of a symbolic link that leads somewhere else.

    What is behind such a link may belong to another environment; a link itself is the folder's own.
    """
    if root not in path.parents or ".." in path.parts:
        return False
    return path.parent.resolve() == root.resolve() / path.parent.relative_to(root)


def remove(path: Path, folder: Path) -> None:
    """Rename a file or folder into the trash, in one step, and then delete it.

    Args:
        path: what is removed; harmless where it is gone.
        folder: where the trash is; on the same file system.
    """
    if not os.path.lexists(path):
        return
    trash = folder / _TRASH
    trash.mkdir(parents=True, exist_ok=True)
    path.rename(trash / uuid.uuid4().hex)
    empty_trash(folder)


def empty_trash(folder: Path) -> None:
    """Delete what is in a folder's trash, such as what a killed retention has left."""
    shutil.rmtree(folder / _TRASH, ignore_errors=True)
