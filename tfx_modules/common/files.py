"""Locks, atomic writes, flushes and digests of files that several processes share."""

import errno
import fcntl
import hashlib
import os
import stat
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_BLOCK = 1 << 20


@contextmanager
def locked(file: Path, waiting: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Hold a lock that one process has at a time; others wait.

    Args:
        file: the lock's file, made where it is missing and left behind empty. The kernel frees the lock of a process
            that dies.
        waiting: is called before it is waited for, where another process has it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def write_atomically(file: Path, text: str, *, durable: bool = False) -> None:
    """Write a file, and its folder where it is missing; a reader sees all of the text, or what was there before.

    Args:
        file: the file to make, or to replace.
        text: its content, written as UTF-8.
        durable: whether to flush it to the disk. Without that, the file may lack its content after a power failure.
    """
    make_folder(file.parent, durable=durable)
    # Not by the process's id: threads of one, and processes of other machines, may write the same file.
    part = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
    try:
        part.write_text(text, encoding="utf-8")
        if durable:
            sync(part)
        part.replace(file)
    except OSError:
        with suppress(OSError):
            part.unlink()
        raise
    if durable:
        sync(file.parent)


def read_short(file: Path, most: int) -> str:
    """Read a short text, and wait for nobody: a FIFO, a device or an endless file in its place is an error.

    Args:
        file: the file, or a link to one.
        most: the largest number of bytes that it may have.

    Raises:
        OSError: it cannot be read, is something else than a file, or is longer.
        UnicodeDecodeError: it is not UTF-8.
    """
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as opened:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is neither a file nor a link to one", str(file))
        content = opened.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it is longer than {most} bytes", str(file))
    return content.decode("utf-8")


def digest_of(file: Path) -> tuple[int, str]:
    """Return a file's size in bytes, and its SHA-256, hex: both of what was read."""
    digest, size = hashlib.sha256(), 0
    with file.open("rb") as opened:
        while block := opened.read(_BLOCK):
            digest.update(block)
            size += len(block)
    return size, digest.hexdigest()


def make_folder(folder: Path, *, durable: bool = True) -> None:
    """Make a folder, and those above it, where they are missing.

    Args:
        folder: the folder.
        durable: whether to flush its entry, and those of the folders above it that are made, to the disk. Without that,
            what is flushed into the folder may be lost with it after a power failure.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent, durable=durable)
    folder.mkdir(exist_ok=True)
    if not durable:
        return
    try:
        sync(folder.parent)
    except OSError:
        with suppress(OSError):
            folder.rmdir()  # or the next try takes it for one that is on the disk
        raise


def sync(path: Path) -> None:
    """Flush a file, or a folder's entries, to the disk (fsync).

    Raises:
        OSError: it cannot be flushed; the error names the path.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        error.filename = str(path)
        raise
    finally:
        os.close(descriptor)


def sync_tree(path: Path) -> int:
    """Flush a file, or a folder with all files and folders below it, to the disk, itself last.

    Symbolic links are not followed, and sockets and the like not opened: they are on the disk with their folder.

    Returns:
        The bytes of the files.
    """
    found = path.lstat()
    size = 0
    if stat.S_ISDIR(found.st_mode):
        size = sum(map(sync_tree, path.iterdir()))
    elif stat.S_ISREG(found.st_mode):
        size = found.st_size
    else:
        return 0
    sync(path)
    return size
