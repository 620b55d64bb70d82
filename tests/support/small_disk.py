"""A real disk of a few hundred kilobytes, in memory, for as long as a test needs it; needs root."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[None]:
    """Mount a disk of a size on a folder, which is made; what was written is gone afterwards."""
    folder.mkdir(exist_ok=True)
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", folder],
        check=False,
        capture_output=True,
        text=True,
    )
    if made.returncode:
        pytest.skip(f"A disk of a chosen size cannot be mounted here ({made.stderr.strip()}); it needs root.")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def enlarge(folder: Path) -> None:
    """Give a small disk enough space."""
    subprocess.run(["mount", "-o", "remount,size=64m", folder], check=True)
