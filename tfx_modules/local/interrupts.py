"""Turns Ctrl-C into an error of the running node, which TFX then records, and whose outputs it removes."""

import logging
import signal
from types import FrameType, TracebackType
from typing import Any

from tfx_modules.exceptions import InterruptedNodeError


class Interrupts:
    """Raises :class:`InterruptedNodeError` in the main thread at the first Ctrl-C, KeyboardInterrupt at the next.

    A context manager. TFX's Launcher cleans up after an ``Exception``, and KeyboardInterrupt is none. A library may
    swallow the error: ``happened`` tells all the same. A debugger replaces the handler.
    """

    def __init__(self) -> None:
        self.happened = False
        self._before: Any = None

    def __enter__(self) -> "Interrupts":
        self._before = signal.signal(signal.SIGINT, self._raise)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _raise(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self.happened:
            raise KeyboardInterrupt
        self.happened = True
        raise InterruptedNodeError("the node was interrupted by Ctrl-C; what it had written is removed")


def without_traceback(record: logging.LogRecord) -> bool:
    """Leave out log messages of an interrupt: nothing is wrong where it came."""
    kind = record.exc_info[0] if record.exc_info else None
    return kind is None or not issubclass(kind, InterruptedNodeError)
