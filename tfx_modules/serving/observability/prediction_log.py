"""Logs a sample of the predictions as JSON lines. It delays no request: lines are dropped when the disk is slow."""

import contextlib
import hashlib
import json
import logging
import os
import queue
import random
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from tfx_modules.serving.exceptions import FlagError
from tfx_modules.serving.flags.operations_flags import LoggedText, PredictionLogSettings
from tfx_modules.serving.specs import Array, Computed

_logger = logging.getLogger(__name__)

QUEUED = 256  # predictions that may wait for the disk
FLUSH_SECONDS = 5.0


class PredictionLog:
    """Appends lines to a file from a thread of its own, which opens the file anew each time: it may be rotated."""

    def __init__(self, settings: PredictionLogSettings, *, queued: int = QUEUED) -> None:
        """Prepare.

        Raises:
            FlagError: there is no file in the settings, or it cannot be written.
        """
        if settings.file is None:
            raise FlagError("there is no prediction log without --prediction_log_file")
        self._file = settings.file
        self._rate = settings.sample_rate
        self._text = settings.text
        self._queue: queue.Queue[tuple[datetime, Computed] | None] = queue.Queue(queued)
        self._thread = threading.Thread(target=self._write_all, name="prediction-log", daemon=True)
        self._dropped = 0
        self._refused = False
        try:
            self._append("")
        except OSError as error:
            raise FlagError(f"--prediction_log_file={self._file} cannot be written: {error.strerror}") from error

    def start(self) -> None:
        """Start the thread that writes."""
        self._thread.start()

    def add(self, done: Computed) -> None:
        """Log a prediction, if it is in the sample and there is room; returns at once."""
        if random.random() >= self._rate:  # noqa: S311 - no secret
            return
        try:
            self._queue.put_nowait((datetime.now(timezone.utc), done))
        except queue.Full:
            self._dropped += 1

    def count_dropped(self) -> int:
        """Return how many predictions of the sample are not in the file."""
        return self._dropped

    def stop(self) -> None:
        """Write the predictions that still wait, for at most a few seconds."""
        with contextlib.suppress(queue.Full):
            self._queue.put(None, timeout=FLUSH_SECONDS)
            self._thread.join(FLUSH_SECONDS)
        if self._dropped:
            _logger.warning("%d predictions were not logged: the disk was too slow, or refused them", self._dropped)

    def _write_all(self) -> None:
        while (entry := self._queue.get()) is not None:
            self._write(json.dumps(document(*entry, self._text), ensure_ascii=False) + "\n")

    def _write(self, line: str) -> None:
        try:
            self._append(line)
        except OSError as error:
            self._dropped += 1
            if not self._refused:  # say it once, not for every request
                _logger.warning("cannot write %s: %s; predictions are not logged", self._file, error.strerror)
            self._refused = True
        else:
            self._refused = False

    def _append(self, text: str) -> None:
        # Texts may be personal: only the server's user may read the file.
        descriptor = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)


def document(time: datetime, done: Computed, text: LoggedText) -> dict[str, Any]:
    """Return a prediction as it is logged.

    An output that repeats an input, such as an echo of the text, is treated like that input.
    """
    inputs = {name: _plain(array) for name, array in done.call.inputs.items()}
    given = {value for array in done.call.inputs.values() for value in _strings(array)}
    keep = _KEEP[text]
    line: dict[str, Any] = {
        "time": time.isoformat(timespec="milliseconds"),
        "model": done.spec.name,
        "version": done.spec.version,
        "signature": done.call.signature_name,
        "milliseconds": round(done.seconds * 1000, 3),
        "rows": {name: len(array) if array.ndim else 1 for name, array in done.call.inputs.items()},
        "outputs": {
            name: keep(_plain(array)) if given & _strings(array) else _plain(array)
            for name, array in done.outputs.items()
        },
    }
    return line if text is LoggedText.OMIT else {**line, "inputs": {name: keep(v) for name, v in inputs.items()}}


def _strings(array: Array) -> set[bytes]:
    return set(array.ravel().tolist()) if array.dtype == object else set()


def _plain(value: Any) -> Any:
    """Return an array, or a part of one, as JSON has it."""
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return _plain(value.tolist()) if hasattr(value, "tolist") else value


def _hashed(value: Any) -> Any:
    if isinstance(value, list):
        return [_hashed(part) for part in value]
    return hashlib.sha256(str(value).encode()).hexdigest()


def _nothing(value: Any) -> None:
    del value


_KEEP: dict[LoggedText, Callable[[Any], Any]] = {
    LoggedText.OMIT: _nothing,
    LoggedText.HASH: _hashed,
    LoggedText.PLAIN: lambda value: value,
}
