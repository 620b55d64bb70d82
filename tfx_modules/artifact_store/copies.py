"""Keeps copies of stored artifacts in the pipeline's folder of this machine.

A copy is at the artifact's path, and counts when its stamp, ``.copies/NODE/OUTPUT/ID.json``, names what is stored.
Beside the stamp is the lock of the path: who reads or writes there shares it, and who replaces or removes the copy has
it alone. The kernel frees the locks of a process that dies. A lock goes with its copy: who gets one that has been
removed meanwhile takes that which is there now.
"""

import fcntl
import json
import logging
import os
import shutil
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tfx_modules.artifact_store.contents import Contents
from tfx_modules.artifact_store.store import Stored
from tfx_modules.common.files import make_folder, sync, sync_tree, write_atomically

FOLDER = ".copies"
_COMING = ".coming"
_GONE = ".gone"
_LONGEST_COPYING = 24 * 3600.0
"""Seconds after which nobody copies or removes any longer."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Stamp:
    place: str
    stored_as: str
    size: int
    used: float


class Copies:
    """The copies of one pipeline's folder. What this object has locked stays until its block ends.

    Args:
        root: the pipeline's folder.
        most_bytes: the largest size of all copies together, once a node has ended; 0: no limit.
    """

    def __init__(self, root: Path, most_bytes: int) -> None:
        self._root = root
        self._most_bytes = most_bytes
        self._locks: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def release(self) -> None:
        """Free the locks, and remove copies that were used least recently until the limit is kept.

        Where something cannot be removed, the log says so: the node has ended, and nothing of it is wrong.
        """
        while self._locks:
            os.close(self._locks.popitem()[1])
        try:
            self._remove_left()
            self._trim()
        except OSError as error:
            _logger.warning("copies in %s cannot be removed: %s", self._root, error)

    def use(self, stored: Stored, get: Callable[[Path], Contents]) -> bool:
        """Have a copy, and keep it from being removed until the block ends.

        Args:
            stored: what the copy is of.
            get: copies it from the store to a path that does not exist yet.

        Returns:
            Whether it was copied now.
        """
        copied = False
        while True:
            self._lock(stored.place, fcntl.LOCK_SH)
            if self._is_copy(stored):
                os.utime(self._stamp(stored.place))
                return copied
            self._lock(stored.place, fcntl.LOCK_EX)
            # Another process may have done it meanwhile.
            if not self._is_copy(stored):
                self._replace(stored, get)
                copied = True

    def has(self, stored: Stored) -> bool:
        """Return whether there is a copy; nothing is locked."""
        return self._is_copy(stored)

    def reserve(self, place: str) -> None:
        """Keep others from a path that is about to be written, until the block ends; what is there is no copy."""
        self._lock(place, fcntl.LOCK_EX)
        self._stamp(place).unlink(missing_ok=True)
        self._lock(place, fcntl.LOCK_SH)

    def add(self, stored: Stored, contents: Contents) -> None:
        """Make a copy of what is at a path that this object has reserved, and that is on the disk."""
        self._write_stamp(stored, contents.size)

    def forget(self, place: str) -> None:
        """Remove stamp and lock of a path whose copy is being removed, or that is about to have no copy."""
        self._stamp(place).unlink(missing_ok=True)
        self._lock_file(place).unlink(missing_ok=True)

    def _replace(self, stored: Stored, get: Callable[[Path], Contents]) -> None:
        coming = self._root / FOLDER / _COMING / uuid.uuid4().hex
        make_folder(coming.parent)
        path = self._root / stored.place
        try:
            contents = get(coming)
            sync_tree(coming)
            self._stamp(stored.place).unlink(missing_ok=True)
            self._remove(path)
            make_folder(path.parent)
            coming.rename(path)
            sync(path.parent)
        finally:
            _delete(coming)
        self._write_stamp(stored, contents.size)

    def _remove(self, path: Path) -> None:
        """Remove what is at a path, which is gone in one step."""
        if not os.path.lexists(path):
            return
        gone = self._root / FOLDER / _GONE / uuid.uuid4().hex
        make_folder(gone.parent, durable=False)
        path.rename(gone)
        _delete(gone)

    def _is_copy(self, stored: Stored) -> bool:
        found = self._read_stamp(self._stamp(stored.place))
        return found is not None and found.stored_as == stored.stored_as and (self._root / stored.place).exists()

    def _remove_left(self) -> None:
        """Remove what processes that were killed have left: of copying and removing, and of making outputs."""
        for path in (*(self._root / FOLDER / _COMING).glob("*"), *(self._root / FOLDER / _GONE).glob("*")):
            with suppress(FileNotFoundError):
                if _is_old(path):
                    _delete(path)
        for file in (self._root / FOLDER).glob("[!.]*/**/*.lock"):
            place = file.relative_to(self._root / FOLDER).with_suffix("").as_posix()
            # One who has just begun to write there may not have locked it yet.
            with suppress(FileNotFoundError):
                if not self._stamp(place).exists() and _is_old(file) and not _was_changed_lately(self._root / place):
                    self._remove_unused(place, None)

    def _trim(self) -> None:
        if not self._most_bytes:
            return
        files = (self._root / FOLDER).glob("[!.]*/**/*.json")
        stamps = sorted(filter(None, map(self._read_stamp, files)), key=lambda stamp: stamp.used)
        size = sum(stamp.size for stamp in stamps)
        for stamp in stamps:
            if size <= self._most_bytes:
                return
            if self._remove_unused(stamp.place, stamp):
                size -= stamp.size

    def _remove_unused(self, place: str, stamp: _Stamp | None) -> bool:
        """Remove what is at a path, its stamp and its lock, unless somebody uses it; return whether it was removed.

        Args:
            place: the path.
            stamp: what it had when it was chosen; None: it had none.
        """
        lock = _open(self._lock_file(place))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file = self._stamp(place)
            if _is_gone(lock) or self._read_stamp(file) != stamp:
                return False
            file.unlink(missing_ok=True)
            self._remove(self._root / place)
            self._lock_file(place).unlink()
        except BlockingIOError:
            return False
        finally:
            os.close(lock)
        what = (
            f"the copy of {place} ({stamp.size / 1e6:.1f} MB): limit of copies"
            if stamp
            else f"{place}, of a killed try"
        )
        _logger.info("removed %s", what)
        return True

    def _read_stamp(self, file: Path) -> _Stamp | None:
        """Read a stamp; one that is damaged is none, so that its artifact is copied anew."""
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
            place = file.relative_to(self._root / FOLDER).with_suffix("").as_posix()
            return _Stamp(place, str(found["stored_as"]), int(found["size"]), file.stat().st_mtime)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _write_stamp(self, stored: Stored, size: int) -> None:
        text = json.dumps({"stored_as": stored.stored_as, "size": size})
        write_atomically(self._stamp(stored.place), text, durable=True)

    def _stamp(self, place: str) -> Path:
        return self._root / FOLDER / f"{place}.json"

    def _lock_file(self, place: str) -> Path:
        return self._root / FOLDER / f"{place}.lock"

    def _lock(self, place: str, how: int) -> None:
        """Have a path's lock until the block ends, shared or alone."""
        while True:
            if place not in self._locks:
                self._locks[place] = _open(self._lock_file(place))
            _take(self._locks[place], how, place)
            if not _is_gone(self._locks[place]):
                return
            os.close(self._locks.pop(place))


def _open(file: Path) -> int:
    make_folder(file.parent, durable=False)
    return os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)


def _take(lock: int, how: int, place: str) -> None:
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        _logger.info("waiting for another process on this machine that uses %s", place)
        fcntl.flock(lock, how)


def _is_gone(lock: int) -> bool:
    return os.fstat(lock).st_nlink == 0


def _is_old(path: Path) -> bool:
    return time.time() - path.lstat().st_mtime > _LONGEST_COPYING


def _was_changed_lately(path: Path) -> bool:
    return os.path.lexists(path) and not _is_old(path)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
