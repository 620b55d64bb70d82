"""Locks and atomic writes for files that several processes share."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_BLOCK = 1 << 16


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold an exclusive file lock; other processes wait for it.

    Args:
        file: The lock's file, made where it is missing and left behind empty. The kernel frees the lock of a process
            that dies.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def publishing(file: Path) -> Iterator[Path]:
    """Write a file that appears, complete, when the block ends without an error. The caller holds a lock meanwhile.

    Args:
        file: The file to make, or to replace.

    Yields:
        The path to write to, beside ``file``; it does not exist yet.
    """
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)  # of a process that was killed
    try:
        yield part
        sync(part)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    sync(file.parent)


def sync(path: Path) -> None:
    """Flush a file, or a folder's entries, to the disk (fsync)."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256(file: Path) -> str:
    """Return the SHA-256 of a file's content as hex digits."""
    digest = hashlib.sha256()
    with file.open("rb") as handle:
        while block := handle.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
