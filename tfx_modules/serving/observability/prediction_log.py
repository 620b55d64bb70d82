"""Logs a sample of the predictions as JSON lines. It delays no request: lines are dropped when the disk is slow."""

import hashlib
import json
import logging
import math
import os
import random
import stat
import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tfx_modules.serving.exceptions import FlagError
from tfx_modules.serving.flags.operations_flags import LoggedText, PredictionLogFlags
from tfx_modules.serving.specs import Array, Computed

_logger = logging.getLogger(__name__)

QUEUED = 256  # predictions that may wait for the disk
QUEUED_BYTES = 64 * 1024 * 1024  # and the bytes of their inputs and outputs
OWNER_ONLY = 0o600
FLUSH_SECONDS = 5.0


class PredictionLog:
    """Appends lines to a file from a thread of its own, which opens the file anew each time: it may be rotated."""

    def __init__(self, flags: PredictionLogFlags, *, queued: int = QUEUED, queued_bytes: int = QUEUED_BYTES) -> None:
        """Prepare.

        Args:
            flags: file, share and texts.
            queued: predictions that may wait for the disk.
            queued_bytes: bytes of their inputs and outputs that may; a larger one is not logged at all.

        Raises:
            FlagError: there is no file in the flags, or it cannot be written.
        """
        if flags.file is None:
            raise FlagError("there is no prediction log without --prediction_log_file")
        self._file = flags.file
        self._rate = flags.sample_rate
        self._text = flags.text
        self._queue = _Queue(queued, queued_bytes)
        self._thread = threading.Thread(target=self._write_all, name="prediction-log", daemon=True)
        self._dropped = 0
        self._refused = False
        try:
            self._append("")
        except OSError as error:
            raise FlagError(f"--prediction_log_file={self._file} cannot be written: {_why(error)}") from error

    def start(self) -> None:
        """Start the thread that writes."""
        self._thread.start()

    def add(self, done: Computed) -> None:
        """Log a prediction, if it is in the sample and there is room; returns at once."""
        if random.random() >= self._rate:  # noqa: S311 - no secret
            return
        if not self._queue.put((datetime.now(UTC), done), size_of(done)):
            self._dropped += 1

    def count_dropped(self) -> int:
        """Return how many predictions of the sample are not in the file."""
        return self._dropped

    def stop(self) -> None:
        """Write the predictions that still wait, for at most a few seconds."""
        self._queue.close()
        if self._thread.ident is not None:
            self._thread.join(FLUSH_SECONDS)
        if self._dropped:
            _logger.warning("%d predictions were not logged: the disk was too slow, or refused them", self._dropped)

    def _write_all(self) -> None:
        while (entry := self._queue.get()) is not None:
            self._write(*entry)

    def _write(self, time: datetime, done: Computed) -> None:
        try:
            self._append(json.dumps(document(time, done, self._text), ensure_ascii=False, allow_nan=False) + "\n")
        except Exception as error:  # noqa: BLE001 - whatever one prediction holds, the next ones are logged
            self._dropped += 1
            if not self._refused:  # say it once, not for every request
                _logger.warning("cannot write %s: %s; predictions are not logged", self._file, _why(error))
            self._refused = True
        else:
            self._refused = False

    def _append(self, text: str) -> None:
        # Texts may be personal: only the server's user may read the file, also one that was there before.
        descriptor = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, OWNER_ONLY)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            found = os.fstat(descriptor)
            if stat.S_ISREG(found.st_mode) and stat.S_IMODE(found.st_mode) != OWNER_ONLY:
                os.fchmod(descriptor, OWNER_ONLY)
            file.write(text)


class _Queue:
    """Predictions that wait for the disk, as many and as large as may be."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._bytes = 0
        self._entries: deque[tuple[tuple[datetime, Computed], int]] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, entry: tuple[datetime, Computed], size: int) -> bool:
        """Add a prediction of that many bytes; False where there is no room."""
        with self._changed:
            if self._closed or len(self._entries) >= self._most or self._bytes + size > self._most_bytes:
                return False
            self._entries.append((entry, size))
            self._bytes += size
            self._changed.notify()
            return True

    def get(self) -> tuple[datetime, Computed] | None:
        """Wait for the next prediction; None after the last one of a closed queue."""
        with self._changed:
            self._changed.wait_for(lambda: self._entries or self._closed)
            if not self._entries:
                return None
            entry, size = self._entries.popleft()
            self._bytes -= size
            return entry

    def close(self) -> None:
        """Take nothing more."""
        with self._changed:
            self._closed = True
            self._changed.notify()


def size_of(done: Computed) -> int:
    """Return about how many bytes a prediction's inputs and outputs hold."""
    return sum(_bytes_of(array) for tensors in (done.call.inputs, done.outputs) for array in tensors.values())


def _bytes_of(array: Array) -> int:
    texts = sum(len(value) for value in array.flat if isinstance(value, bytes | str)) if array.dtype == object else 0
    return int(array.nbytes) + texts


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or f"{type(error).__name__}: {error}"


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
    """Return an array, or a part of one, as JSON has it; what JSON lacks becomes a text (``NaN``, ``Infinity``)."""
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value is None or isinstance(value, bool | int | float | str):
        return value
    plain = value.tolist() if hasattr(value, "tolist") else value
    # NumPy's and TensorFlow's own kinds of numbers, such as complex and bfloat16, have no form in JSON.
    return str(plain) if plain is value or type(plain) is type(value) else _plain(plain)


def _hashed(value: Any) -> Any:
    if isinstance(value, list):
        return [_hashed(part) for part in value]
    return hashlib.sha256(str(value).encode("utf-8", "backslashreplace")).hexdigest()


def _nothing(value: Any) -> None:
    del value


_KEEP: dict[LoggedText, Callable[[Any], Any]] = {
    LoggedText.OMIT: _nothing,
    LoggedText.HASH: _hashed,
    LoggedText.PLAIN: lambda value: value,
}
