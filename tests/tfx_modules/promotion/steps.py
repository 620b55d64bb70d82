"""Ends a process by SIGKILL before one of its steps: a change of the file system, or a commit of the ledger."""

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import sqlalchemy as sa

_CHANGES = ((Path, "rename"), (Path, "mkdir"), (shutil, "copytree"), (shutil, "rmtree"), (os, "fsync"))


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
