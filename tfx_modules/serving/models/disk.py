"""Finds the version folders under a model's base path, and tells which of them cannot be read."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tfx_modules.promotion import manifest
from tfx_modules.serving.exceptions import ModelLoadError

SAVED_MODEL_FILES = ("saved_model.pb", "saved_model.pbtxt")
SAVED_MODEL_FOLDERS = ("variables", "assets", "assets.extra")
MAX_VERSION = 2**63 - 1
TRIES = 3  # to look at a folder while files in it come and go

Fingerprint = tuple[tuple[str, int, int, int], ...]


@dataclass(frozen=True)
class VersionFolder:
    """A folder that holds a version of a model.

    Attributes:
        fingerprint: names, sizes and times of its files and of itself; another one means that it has been written to,
            or was away and is back.
        trouble: why it cannot be read; empty when all is well.
    """

    version: int
    path: Path
    fingerprint: Fingerprint = ()
    trouble: str = ""


def find_versions(base_path: Path) -> tuple[VersionFolder, ...]:
    """Return the base path's versions, newest (largest number) first.

    Names that are not positive integers, and folders in which there is no saved model yet (they are being copied), are
    left out. A folder that vanishes meanwhile counts as not there. One that the disk refuses to show is among them,
    with the reason.

    Raises:
        OSError: the base path itself cannot be read.
    """
    found: dict[int, VersionFolder] = {}
    for path in sorted(base_path.iterdir()):
        version = _version_of(path.name)
        folder = None if version is None else _look_at(version, path)
        if folder is not None:
            found[folder.version] = folder
    return tuple(found[version] for version in sorted(found, reverse=True))


def check_readable(folder: Path) -> None:
    """Open every file of a SavedModel, so that one that cannot be read is found before its other files are hashed.

    Raises:
        OSError: a file or folder cannot be read, or has gone meanwhile.
        ModelLoadError: there is something else than files and folders; opening a FIFO would wait for ever.
    """
    parts = [folder / name for name in SAVED_MODEL_FILES if _is_file(folder / name)]
    for name in SAVED_MODEL_FOLDERS:
        parts += [path for path in _below(folder / name, _raise) if not _is_dangling(path)]
    for path in parts:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            continue
        if not stat.S_ISREG(mode):
            raise ModelLoadError(f"cannot load {folder}: {path} is neither a file nor a folder; remove it")
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            os.read(descriptor, 1)
        finally:
            os.close(descriptor)


def _version_of(name: str) -> int | None:
    """Return the version that a folder name stands for; leading zeros are allowed, as in TensorFlow Serving."""
    if not (name.isascii() and name.isdecimal()):
        return None
    return int(name) if 0 < int(name) <= MAX_VERSION else None


def _look_at(version: int, path: Path) -> VersionFolder | None:
    """Return a version's folder; None where there is none, or no saved model in it."""
    try:
        for _ in range(TRIES):
            if not any(_is_file(path / name) for name in SAVED_MODEL_FILES):
                return None
            try:
                return VersionFolder(version, path, (*_fingerprint(path), *_of_digest(version, path)))
            except (FileNotFoundError, NotADirectoryError):
                continue  # a file in it, or all of it, has gone meanwhile
    except OSError as error:
        return VersionFolder(version, path, trouble=f"{path} cannot be read: {error}")
    return VersionFolder(version, path, trouble=f"{path} cannot be read: files in it come and go")


def _is_file(path: Path) -> bool:
    """Return whether there is such a file; unlike ``Path.is_file``, raise where the disk does not tell."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _is_dangling(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return path.is_symlink()
    return False


def _fingerprint(folder: Path) -> Fingerprint:
    paths = [path for path in _below(folder, _raise_unless_forbidden) if not _is_dangling(path)]
    files = [path for path in paths if stat.S_ISREG(path.stat().st_mode)]
    # The folder itself, too: a rename changes its time, and that of no file.
    return tuple(_entry(folder, path) for path in [folder, *sorted(files)])


def _of_digest(version: int, folder: Path) -> Fingerprint:
    """Return what tells whether the digest has been written anew that a version is checked with."""
    try:
        found = manifest.digest_file(folder.parent, version).stat()
    except (FileNotFoundError, NotADirectoryError):
        return ()
    return ((manifest.DIGESTS, found.st_size, found.st_mtime_ns, found.st_ctime_ns),)


def _entry(folder: Path, path: Path) -> tuple[str, int, int, int]:
    found = path.stat()
    return path.relative_to(folder).as_posix(), found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _below(folder: Path, refused: "_OnError") -> Iterator[Path]:
    """Yield what is below a folder, not through symbolic links; nothing where there is none."""
    for parent, folders, files in os.walk(folder, onerror=refused):
        yield from (Path(parent) / name for name in [*folders, *files])


class _OnError:
    """Receives the errors of a walk; a folder that is not there, or not any more, has nothing below it."""

    def __init__(self, *passed: type[OSError]) -> None:
        self._passed: tuple[type[OSError], ...] = (FileNotFoundError, NotADirectoryError, *passed)

    def __call__(self, error: OSError) -> None:
        if not isinstance(error, self._passed):
            raise error


_raise = _OnError()
# A folder beside those of the SavedModel may be closed to the server's user; the load reads the others.
_raise_unless_forbidden = _OnError(PermissionError)
