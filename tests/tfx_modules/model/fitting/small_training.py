"""A training of a tiny classifier with dropout, which kills its own process where it is told to."""

import os
import signal
from pathlib import Path
from typing import Any

import keras
import keras_hub
import tensorflow as tf

from tfx_modules.model import batches, bert_classifier
from tfx_modules.model.fitting import loop
from tfx_modules.settings.settings import TrainingSettings

BATCH, PER_EPOCH, EPOCHS = 4, 6, 2
WORDS, TOKENS = 200, 12


class Killed(keras.callbacks.Callback):  # type: ignore[misc]
    """Ends the process as the kernel does when memory runs out, after a step that has a checkpoint."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self._left = step

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        del batch, logs
        self._left -= 1
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)


def classifier(dropout: float = 0.3) -> keras.Model:
    """Make it with the same random weights each time."""
    keras.utils.set_random_seed(5)
    sizes = {"num_layers": 1, "num_heads": 2, "hidden_dim": 16, "intermediate_dim": 16, "max_sequence_length": TOKENS}
    backbone = keras_hub.models.BertBackbone(vocabulary_size=WORDS, dropout=dropout, **sizes)
    made = bert_classifier.build_classifier(backbone, dropout)
    values = bert_classifier.Hyperparameters(1e-2, dropout, 0.2)
    bert_classifier.compile_classifier(made, values, TrainingSettings(), PER_EPOCH * EPOCHS)
    return made


def examples() -> tf.data.Dataset:
    """Return pairs of ids and label, of different lengths."""
    lengths = tf.data.Dataset.range(BATCH * PER_EPOCH).map(lambda n: tf.cast(3 + n % (TOKENS - 3), tf.int32))
    ids = lengths.enumerate().map(lambda n, length: tf.range(length) * 7 % (WORDS - 2) + 1 + tf.cast(n % 2, tf.int32))
    return tf.data.Dataset.zip(ids, tf.data.Dataset.range(BATCH * PER_EPOCH).map(lambda n: tf.cast(n % 2, tf.float32)))


def train(
    folder: Path, *, made_by: str = "the test", seconds: float = 0.0, killed_at: int | None = None
) -> tuple[loop.Fitted, list[Any]]:
    """Train, by default with a checkpoint after each step; return what came of it, and all weights."""
    shape, made = batches.BatchShape(BATCH, TOKENS, (6,), seed=3), classifier()
    course = loop.Course(BATCH, PER_EPOCH, EPOCHS, folder, made_by, seconds)
    given = examples()
    fitted = loop.fit(
        made,
        batches.training_batches(given, shape),
        batches.evaluation_batches(given, shape),
        course,
        [] if killed_at is None else [Killed(killed_at)],
    )
    return fitted, made.get_weights()
