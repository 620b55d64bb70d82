"""Keeps the services' logs from filling the disk: a large one is put aside, and the oldest parts go."""

import os
import shutil
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

LARGEST = 16 * 1024 * 1024
"""Bytes of a log before it is put aside."""
KEPT = 3
"""Older parts of a log that stay: LOG.1 is the newest."""
ROUND_SECONDS = 1.0


def rotate(log: Path, *, largest: int = LARGEST, kept: int = KEPT) -> bool:
    """Put a log aside if it is too large, and tell whether it was.

    Its process goes on writing into the same file, which it has opened for appending. So the content is copied and the
    file emptied; what is written between the two is lost. Where the disk has no room for the copy, the content is lost.
    """
    if not log.exists() or log.stat().st_size <= largest:
        return False
    for number in range(kept - 1, 0, -1):
        with suppress(FileNotFoundError):
            part(log, number).replace(part(log, number + 1))
    with suppress(OSError):
        shutil.copyfile(log, part(log, 1))
    os.truncate(log, 0)
    return True


def part(log: Path, number: int) -> Path:
    """Return the path of an older part; 1 is the newest."""
    return log.with_name(f"{log.name}.{number}")


def begin(log: Path) -> None:
    """Make an empty log; the one of the last start goes, with its older parts."""
    log.parent.mkdir(parents=True, exist_ok=True)
    for older in (part(log, number) for number in range(1, KEPT + 1)):
        older.unlink(missing_ok=True)
    log.write_bytes(b"")


class Rotation:
    """Looks at the logs from a thread of its own, until it is stopped."""

    def __init__(self, logs: Callable[[], Iterable[Path]], seconds: float = ROUND_SECONDS) -> None:
        self._logs = logs
        self._seconds = seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="log-rotation", daemon=True)

    def start(self) -> None:
        """Begin to look, unless it has begun already."""
        if self._thread.ident is None:
            self._thread.start()

    def stop(self) -> None:
        """Stop looking."""
        self._stopped.set()

    def _watch(self) -> None:
        while not self._stopped.wait(self._seconds):
            for log in self._logs():
                with suppress(OSError):  # seen again in the next round
                    rotate(log)
