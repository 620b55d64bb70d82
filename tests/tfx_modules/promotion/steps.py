"""Ends a process by SIGKILL before one of its steps: a change of the file system, or a commit of a database."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

_CHANGES = (
    *((Path, name) for name in ("rename", "mkdir", "unlink")),
    *((shutil, name) for name in ("copytree", "rmtree")),
    *((os, name) for name in ("fsync", "unlink", "rmdir")),
)


def begun_anew(folder: Path, most: int) -> Iterator[int]:
    """Yield the numbers of steps, `most` at most; each time the folder is as it was at first."""
    first = folder.with_name("first")
    shutil.copytree(folder, first, symlinks=True)
    for step in range(most):
        shutil.rmtree(folder)
        shutil.copytree(first, folder, symlinks=True)
        yield step


def kill_before(number: int) -> None:
    """Have this process killed before a step; they are numbered from 0, and counted from this call on."""
    left = number

    def take(*_: Any) -> None:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    for owner, name in _CHANGES:
        setattr(owner, name, _after(take, getattr(owner, name)))
    sa.event.listen(sa.Engine, "commit", take)


def _after(take: Any, original: Any) -> Any:
    def stepped(*arguments: Any, **options: Any) -> Any:
        take()
        return original(*arguments, **options)

    return stepped
