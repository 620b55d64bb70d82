"""Trains epoch by epoch, keeps the best weights, and goes on with a training that was killed."""

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tfx_modules.model import batches
from tfx_modules.model.fitting import checkpoint
from tfx_modules.model.fitting.checkpoint import Position
from tfx_modules.model.fitting.progress import Progress

CHECKPOINT_SECONDS = 120.0
_BEST = "best.weights.h5"
_JUDGED_BY = "val_accuracy"

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Course:
    """How long a training is, and where its state is kept.

    Attributes:
        batch_size: examples in a step.
        per_epoch: steps of an epoch.
        epochs: their number.
        folder: the best weights are in it while it trains, and checkpoints.
        made_by: what the training is made by, as text; a training with another text begins anew.
        seconds: time between two checkpoints.
    """

    batch_size: int
    per_epoch: int
    epochs: int
    folder: Path
    made_by: str = ""
    seconds: float = CHECKPOINT_SECONDS


@dataclass(frozen=True)
class Fitted:
    """What came of a training.

    Attributes:
        history: Keras' metrics by name, one value for each epoch.
        examples_per_second: in its steps; None where there was only one.
    """

    history: Mapping[str, Sequence[float]]
    examples_per_second: float | None


class Keeper(keras.callbacks.Callback):  # type: ignore[misc]  # keras has no types
    """Writes the best weights after an epoch, and a checkpoint every few minutes.

    A checkpoint is written after an epoch's validation and not before, so that none is left out.
    """

    def __init__(self, course: Course, position: Position, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin at a position of a course."""
        super().__init__()
        self._course, self._clock = course, clock
        self._step, self._best = position.step, position.best
        self.history = {name: list(values) for name, values in position.history.items()}
        self._written = clock()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Write a checkpoint when it is time for one."""
        del batch, logs
        self._step += 1
        if self._step % self._course.per_epoch:
            self._write_when_due()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep the metrics, and the weights where they are the best so far."""
        values = {name: float(value) for name, value in (logs or {}).items()}
        _logger.info("epoch %d: %s", epoch, json.dumps(values))
        for name, value in values.items():
            self.history.setdefault(name, []).append(value)
        if self._best is None or values[_JUDGED_BY] > self._best:
            self._best = values[_JUDGED_BY]
            part = self._course.folder / f"part.{_BEST}"
            self.model.save_weights(part)
            part.replace(self._course.folder / _BEST)
        self._write_when_due()

    def _write_when_due(self) -> None:
        if self._clock() - self._written < self._course.seconds:
            return
        position = Position(self._step, self._best, self.history)
        checkpoint.write(self.model, position, self._course.folder, made_by=self._course.made_by)
        self._written = self._clock()
        _logger.info("step %d: wrote a checkpoint, from which a retried Trainer goes on", self._step)


def fit(
    classifier: keras.Model,
    training: tf.data.Dataset,
    evaluation: tf.data.Dataset,
    course: Course,
    callbacks: Iterable[keras.callbacks.Callback] = (),
) -> Fitted:
    """Train to the end of a course, from the last checkpoint in its folder where there is one.

    Args:
        classifier: compiled; it ends with the weights of the epoch that had the highest accuracy on the eval split.
        training: endless batches, the same ones in the same order whenever they are read.
        evaluation: batches.
        course: its length.
        callbacks: more of Keras' callbacks.
    """
    course.folder.mkdir(parents=True, exist_ok=True)
    found = checkpoint.read(classifier, course.folder, made_by=course.made_by)
    if found:
        _logger.info("going on after step %d, from the checkpoint of a try that was ended", found.step)
    position = found or Position()
    # Keras asks for the number of batches: without it, it warns after the first validation that there were no more.
    counted = evaluation.apply(tf.data.experimental.assert_cardinality(batches.count(evaluation)))
    progress = Progress(course.batch_size, done=position.step, steps=course.per_epoch * course.epochs)
    keeper, read = Keeper(course, position), position.step
    every = [keras.callbacks.TerminateOnNaN(), keeper, *callbacks, progress]
    for first, end, steps in _parts(course, position.step):
        classifier.fit(
            training.skip(read),
            steps_per_epoch=steps,
            initial_epoch=first,
            epochs=end,
            validation_data=counted,
            callbacks=every,
            shuffle=False,  # the batches are
            verbose=2,
        )
        read += steps * (end - first)
        if classifier.stop_training:  # the loss is no number
            break
    classifier.load_weights(course.folder / _BEST)
    return Fitted(keeper.history, progress.examples_per_second)


def _parts(course: Course, done: int) -> Iterator[tuple[int, int, int]]:
    """Yield what is left to do, as first epoch, last epoch + 1, and steps of each: Keras' epochs have one length."""
    first, begun = divmod(done, course.per_epoch)
    if begun:
        yield first, first + 1, course.per_epoch - begun
        first += 1
    if first < course.epochs:
        yield first, course.epochs, course.per_epoch
