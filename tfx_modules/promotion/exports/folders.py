"""Keeps the folders of what versions carry for others in line with the version in service, by renames."""

import logging
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from tfx_modules.common.carried import PLACES
from tfx_modules.common.files import make_folder, sync, sync_tree
from tfx_modules.promotion import manifest
from tfx_modules.promotion.exceptions import ManifestError
from tfx_modules.promotion.repository import ModelRepository

_STAGING = ".staging-"

_logger = logging.getLogger(__name__)


def folder_of(repository: ModelRepository, kind: str) -> Path:
    """Return the folder that has what versions carry of a kind; it may not be there.

    Args:
        repository: the versions' folders.
        kind: one of ``carried.PLACES``.
    """
    return repository.served.with_name(f"{repository.served.name}.{kind}")


def follow(repository: ModelRepository, live: int, check: Callable[[], None]) -> None:
    """Copy what the version in service carries, and remove what later versions carry. The ledger has to be locked.

    It may be repeated, also after having been killed in the middle: a version's folder is whole, or not there. What is
    there for the version, and is not what the version carries, is replaced.

    Args:
        repository: the versions' folders.
        live: the version in service, which has a folder.
        check: checks that the ledger's lock is still held, and raises otherwise.

    Raises:
        LockLostError: the lock was lost.
        OSError: the disk refuses.
    """
    there = repository.versions()
    for kind, place in PLACES.items():
        folder, version = folder_of(repository, kind), repository.folder(live)
        source, listed = version / place, _listed(version, place)
        is_carried = source.is_dir() or (listed is not None and bool(listed.files))
        if not folder.is_dir() and not is_carried:
            continue
        make_folder(folder)
        check()
        for left in _staged(folder):
            shutil.rmtree(left, ignore_errors=True)
        if is_carried:
            _put(source, folder / str(live), listed, check)
        for number in sorted(_numbers(folder)):
            if number > live or number not in there:
                check()
                _remove(folder / str(number))
        sync(folder)


def remove(repository: ModelRepository, version: int) -> None:
    """Remove what was copied of a version that is removed itself; a reader sees it vanish in one step."""
    for kind in PLACES:
        if (path := folder_of(repository, kind) / str(version)).is_dir():
            _remove(path)


def copied(repository: ModelRepository) -> dict[Path, int]:
    """Return the folders of all copies with the number of each one's version."""
    folders = [folder_of(repository, kind) for kind in PLACES]
    return {folder / str(number): number for folder in folders for number in sorted(_numbers(folder))}


def unfinished(repository: ModelRepository) -> list[Path]:
    """Return what processes that were killed have left of copies."""
    return [path for kind in PLACES for path in _staged(folder_of(repository, kind))]


def _put(source: Path, target: Path, listed: manifest.Manifest | None, check: Callable[[], None]) -> None:
    """Copy a version's files beside their place, and rename the copy to it when it is on the disk.

    Args:
        source: what the version carries.
        target: where it belongs.
        listed: what the version's manifest has of these files; None: it has none.
        check: checks that the lock is held.
    """
    if target.is_dir() and _without_bytecode(target) == (listed or manifest.describe(source)):
        return
    if not source.is_dir():
        _logger.error("%s is gone, which its version's manifest lists; nothing was copied to %s.", source, target)
        return
    staged = target.with_name(f"{_STAGING}{uuid.uuid4().hex}")
    try:
        shutil.copytree(source, staged)
        if listed is not None and manifest.describe(staged) != listed:
            # The gate, rollback and the model server have words for a damaged version; it is not copied on.
            _logger.error("%s is not what its version's manifest lists, and was not copied to %s.", source, target)
            shutil.rmtree(staged, ignore_errors=True)
            return
        sync_tree(staged)
        check()
        if target.is_dir():
            _remove(target)
        staged.rename(target)
        sync(target.parent)
    except OSError:
        shutil.rmtree(staged, ignore_errors=True)
        raise
    _logger.info("%s: copied to %s", source, target)


def _without_bytecode(copy: Path) -> manifest.Manifest:
    """Return the files of a copy, but for what Python writes beside a module that is imported from it."""
    files = manifest.describe(copy).files
    return manifest.Manifest({name: what for name, what in files.items() if not name.startswith("__pycache__/")})


def _listed(version: Path, place: str) -> manifest.Manifest | None:
    """Return what a version's manifest has of the files in one of its folders; None: it has no manifest to go by."""
    try:
        found = manifest.listed(version)
    except ManifestError as error:
        _logger.warning("%s", error)
        return manifest.Manifest({})  # nothing that is there is what it lists
    if found is None:
        return None
    inside = f"{place}/"
    return manifest.Manifest(
        {name.removeprefix(inside): what for name, what in found.files.items() if name.startswith(inside)}
    )


def _remove(path: Path) -> None:
    gone = path.with_name(f"{_STAGING}{uuid.uuid4().hex}")
    path.rename(gone)
    sync(path.parent)
    shutil.rmtree(gone, ignore_errors=True)


def _staged(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{_STAGING}*"))


def _numbers(folder: Path) -> Iterator[int]:
    if folder.is_dir():
        yield from (int(path.name) for path in folder.iterdir() if path.name.isascii() and path.name.isdecimal())
