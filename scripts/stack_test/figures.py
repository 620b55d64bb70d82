"""Records the test's measurements, as lines on the terminal and as a file."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.stack.waiting import ProgressReporter


class Figures:
    """Seconds and counts by what they are of; written anew after each, so that a failure leaves those before it."""

    def __init__(self, file: Path, progress: ProgressReporter) -> None:
        self._file = file
        self._found: dict[str, object] = {}
        self.progress = progress

    def note(self, what: str, value: object) -> None:
        """Keep a figure and print it."""
        self._found[what] = value
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps(self._found, indent=1) + "\n")
        self.progress.say(f"  {what}: {value}")

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Keep the seconds that the block takes."""
        started = time.monotonic()
        yield
        self.note(f"{what}, s", round(time.monotonic() - started, 1))
