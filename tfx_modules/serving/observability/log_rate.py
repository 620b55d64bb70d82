"""Keeps the log small when clients cause the same message again and again."""

import logging
import time
from collections.abc import Callable

MOST = 60  # records of one message in a period
PERIOD = 60.0  # s
KINDS = 1000  # messages that are told apart in a period

Kind = tuple[str, int, str]


class LogRate(logging.Filter):
    """Lets so many records of a message through in a minute; the first of the next minute tells how many were left out.

    Records whose text before formatting is the same are one message.
    """

    def __init__(self, most: int = MOST, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._most = most
        self._clock = clock
        self._until = clock() + PERIOD
        self._counts: dict[Kind, int] = {}
        self._left_out: dict[Kind, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record is written."""
        now = self._clock()
        if now >= self._until:
            self._until = now + PERIOD
            self._left_out = {kind: count - self._most for kind, count in self._counts.items() if count > self._most}
            self._counts = {}
        kind = (record.name, record.levelno, str(record.msg))
        if kind not in self._counts and len(self._counts) >= KINDS:
            kind = ("", 0, "")
        self._counts[kind] = self._counts.get(kind, 0) + 1
        if missing := self._left_out.pop(kind, 0):
            record.msg = f"{record.getMessage()} ({missing} more of these were left out before)"
            record.args = ()
        return self._counts[kind] <= self._most
