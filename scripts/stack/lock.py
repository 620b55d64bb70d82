"""Locks a state folder for one stack; the kernel frees the lock however its holder ends.

Not by ``airflow_bert_service.files``: the lock's file holds its process, and `is_running` looks without taking it.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.errors import StackError
from scripts.stack.paths import STATE_VARIABLE, StackPaths


@contextmanager
def only_stack(paths: StackPaths) -> Iterator[None]:
    """Hold the lock while the block runs.

    Raises:
        StackError: A stack runs there already; the message names its process.
    """
    with _path(paths).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise StackError(
                f"A stack runs on {paths.state} already (process {lock.read().strip() or 'unknown'}). Stop it with "
                f"Ctrl-C where it was started, or give this one a state folder of its own ({STATE_VARIABLE}=folder) "
                "and other ports (UI_PORT, REST_PORT, GRPC_PORT)."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def is_running(paths: StackPaths) -> bool:
    """Whether a stack holds the lock now."""
    if not _path(paths).exists():
        return False
    with _path(paths).open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _path(paths: StackPaths) -> Path:
    return paths.state / "stack.lock"
