"""Finds the version folders under a model's base path."""

from dataclasses import dataclass
from pathlib import Path

SAVED_MODEL_FILES = ("saved_model.pb", "saved_model.pbtxt")
MAX_VERSION = 2**63 - 1

Fingerprint = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class VersionFolder:
    """A folder that holds a version of a model.

    Attributes:
        fingerprint: names, sizes and times of its files; another one means that the folder has been written to.
    """

    version: int
    path: Path
    fingerprint: Fingerprint


def _version_of(name: str) -> int | None:
    """Return the version that a folder name stands for; leading zeros are allowed, as in TensorFlow Serving."""
    if not (name.isascii() and name.isdecimal()):
        return None
    return int(name) if 0 < int(name) <= MAX_VERSION else None


def _fingerprint(folder: Path) -> Fingerprint:
    files = ((path, path.stat()) for path in folder.rglob("*") if path.is_file())
    return tuple(sorted((path.relative_to(folder).as_posix(), stat.st_size, stat.st_mtime_ns) for path, stat in files))


def find_versions(base_path: Path) -> tuple[VersionFolder, ...]:
    """Return the base path's versions, newest (largest number) first.

    Names that are not positive integers, and folders in which there is no saved model yet (they are being copied), are
    left out. A folder that vanishes meanwhile counts as not there.

    Raises:
        OSError: the base path itself cannot be read.
    """
    found: dict[int, VersionFolder] = {}
    for path in sorted(base_path.iterdir()):
        version = _version_of(path.name)
        if version is None or not any((path / name).is_file() for name in SAVED_MODEL_FILES):
            continue
        try:
            found[version] = VersionFolder(version, path, _fingerprint(path))
        except FileNotFoundError:
            continue
    return tuple(found[version] for version in sorted(found, reverse=True))
