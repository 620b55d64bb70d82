"""Waits for a condition with a deadline, and reports what it waits for."""

import time
from collections.abc import Callable

from scripts.errors import NotReadyError

ROUND_SECONDS = 0.25
SILENCE_SECONDS = 15.0


class ProgressReporter:
    """Prints what a command waits for whenever nothing was printed for a while."""

    def __init__(self, say: Callable[[str], None], silence: float = SILENCE_SECONDS) -> None:
        self._say = say
        self._silence = silence
        self._last = time.monotonic()

    def say(self, line: str) -> None:
        """Print a line."""
        self._say(line)
        self._last = time.monotonic()

    def beat(self, waiting_for: str) -> None:
        """Print what is waited for, if it has been silent for too long."""
        if time.monotonic() - self._last >= self._silence:
            self.say(f"  ... waiting for {waiting_for}")


def wait_until(
    missing: Callable[[], str], *, seconds: float, progress: ProgressReporter, every: float = ROUND_SECONDS
) -> None:
    """Wait until a condition holds.

    Args:
        missing: Says what is still missing, "" when nothing is; may raise what ends the waiting.
        seconds: How long to wait at most.
        progress: Where to say what is waited for.
        every: Pause between two questions, in seconds.

    Raises:
        NotReadyError: Something is still missing at the end.
    """
    started = time.monotonic()
    while what := missing():
        if time.monotonic() - started > seconds:
            raise NotReadyError(f"Still waiting for {what} after {seconds:.0f} s.")
        progress.beat(what)
        time.sleep(every)
