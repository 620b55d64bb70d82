"""Writes a day's partition: one file, which appears whole or not at all.

::

    {folder}/date=2026-11-05/scores.jsonl    the scores of a day; or scores.parquet
    {folder}/.staging/                       files in the making; a lock

A day has one file, so that one rename replaces all of its rows: whoever reads it sees those of one run. What is in
``.staging`` is not read by anything that reads partitions, which pass over names with a dot.
"""

import datetime as dt
import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tfx_modules.common.files import locked, make_folder, sync
from tfx_modules.scoring.file_formats import FileFormat

STAGING = ".staging"
_LOCK = "lock"
_NAME = "scores"


def partition_file(folder: Path, day: dt.date, file_format: FileFormat) -> Path:
    """Return the file of a day's scores.

    Args:
        folder: that of all scores.
        day: the day.
        file_format: its format.
    """
    return folder / f"date={day}" / f"{_NAME}.{file_format.value}"


@contextmanager
def partition(folder: Path, day: dt.date, file_format: FileFormat) -> Iterator[BinaryIO]:
    """Write a day's file, which takes the place of the day's earlier one when the block ends without an error.

    Two runs may write one day at a time: each writes a file of its own, and the one that ends last stays, whole.
    A file that a killed process has left in the staging folder is removed by the next one that writes any day.

    Args:
        folder: that of all scores; made where it is missing.
        day: the day.
        file_format: the file's; the day's file of another format is removed.

    Yields:
        The file to write to.

    Raises:
        OSError: it cannot be written; the day is as it was.
    """
    staging = folder / STAGING
    make_folder(staging)
    with locked(staging / _LOCK):
        _clear(staging)
        part = staging / f"{day}-{uuid.uuid4().hex}.{file_format.value}"
        file = part.open("xb")
        # Held as long as the file is open: so the next process knows that this one lives.
        fcntl.flock(file, fcntl.LOCK_EX)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            with locked(staging / _LOCK):
                _publish(part, partition_file(folder, day, file_format))
    finally:
        part.unlink(missing_ok=True)


def _publish(part: Path, target: Path) -> None:
    make_folder(target.parent)
    part.replace(target)
    for file_format in FileFormat:
        # After the rename, which may fail: the day is as it was then.
        if (other := target.with_suffix(f".{file_format.value}")) != target:
            other.unlink(missing_ok=True)
    sync(target.parent)


def _clear(staging: Path) -> None:
    """Remove the files of processes that have ended; the caller holds the staging folder's lock."""
    for left in staging.iterdir():
        if left.name == _LOCK:
            continue
        try:
            # For writing: on NFS, only who may write a file gets such a lock on it.
            with left.open("r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                left.unlink()
        except (FileNotFoundError, BlockingIOError):
            continue  # its process has removed it, or is at work
