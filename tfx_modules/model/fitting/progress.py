"""Tells in a node's log how far a training is, for whoever waits for it."""

import logging
import time
from collections.abc import Callable
from typing import Any

import keras

INTERVAL_SECONDS = 10.0

_logger = logging.getLogger(__name__)


class Progress(keras.callbacks.Callback):  # type: ignore[misc]  # keras has no types
    """Writes a line every few seconds: step, examples a second, loss, and how long the other steps will take.

    Validation after an epoch has lines of its own. Its time is not part of the time that is left.
    """

    def __init__(
        self,
        batch_size: int,
        *,
        done: int = 0,
        steps: int | None = None,
        of: str = "training",
        interval: float = INTERVAL_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ):
        """Prepare.

        Args:
            batch_size: examples in a step.
            done: steps that an earlier try has done.
            steps: of the whole training; None: those of Keras' ``fit``.
            of: what ends with the last step, in words.
            interval: seconds between two lines.
            clock: tells the seconds.
        """
        super().__init__()
        self._batch_size, self._interval, self._clock = batch_size, interval, clock
        self._steps, self._of = steps, of
        self._begun = self._told = 0.0
        self._step = self._told_step = done  # of the whole training
        self._is_first = True
        self._spent, self._counted = 0.0, 0  # seconds of steps other than the first of all, and their number

    @property
    def examples_per_second(self) -> float | None:
        """Over all steps but the first; None where there was no other."""
        return self._counted * self._batch_size / self._spent if self._spent else None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begin to count, or go on: a training may be several calls of ``fit``."""
        del logs
        self._begun = self._told = self._clock()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Leave out the time since the last step, which was the validation's."""
        del epoch, logs
        self._begun = self._told = self._clock()
        self._told_step = self._step

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Write a line when it is time for one."""
        del batch
        now = self._clock()
        self._step += 1
        if self._is_first:
            self._is_first = False
            _logger.info("the first step took %.0f s, with what TensorFlow prepares for it", now - self._begun)
            self._told, self._told_step = now, self._step
        else:
            self._spent += now - self._begun
            self._counted += 1
        self._begun = now
        if now - self._told < self._interval:
            return
        steps = self._steps or self.params["steps"] * self.params["epochs"]
        _logger.info(
            "step %d of %d: %.1f examples/s, loss %.4f, %s of %s left",
            self._step,
            steps,
            (self._step - self._told_step) * self._batch_size / (now - self._told),
            (logs or {}).get("loss", float("nan")),
            duration((steps - self._step) * self._spent / self._counted),
            self._of,
        )
        self._told, self._told_step = now, self._step

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begin to count the validation's batches."""
        del logs
        self._told = self._clock()

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Write a line when it is time for one."""
        now = self._clock()
        if now - self._told >= self._interval:
            _logger.info("validation: %d batches, loss %.4f so far", batch + 1, (logs or {}).get("loss", float("nan")))
            self._told = now


def duration(seconds: float) -> str:
    """Return a time in words: ``40 s``, ``3 min 20 s``, ``2 h 5 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
