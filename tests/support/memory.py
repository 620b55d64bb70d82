"""Folders in memory, so that tests that write hundreds of times take seconds."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

IN_MEMORY = Path("/dev/shm")  # noqa: S108


@contextmanager
def memory_folder() -> Iterator[Path]:
    """Make a folder, in memory where the machine has a file system for that."""
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as made:
        yield Path(made)
