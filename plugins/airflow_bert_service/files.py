"""Locks and atomic writes for files that several processes share."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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


def try_lock(file: Path) -> int | None:
    """Take an exclusive file lock that is held beyond one call, if it is free.

    Args:
        file: The lock's file, as :func:`locked` takes it.

    Returns:
        The lock's file descriptor, for :func:`free_lock`; None: another process, or another part of this one, has it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def free_lock(descriptor: int) -> None:
    """Free a lock that :func:`try_lock` has taken, for processes that were forked meanwhile and have it too."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)  # by name: closing alone would leave it to the forked ones
    os.close(descriptor)


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


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, where they are missing; what is made is on the disk.

    Without that, what is flushed into the folder may be lost with it when the power fails.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    try:
        sync(folder.parent)
    except OSError:
        with suppress(OSError):
            folder.rmdir()  # or the next try takes it for one that is on the disk
        raise


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
