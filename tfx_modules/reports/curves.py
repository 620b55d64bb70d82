"""Reads the curves of a training, which the callback of Keras has written for TensorBoard."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import tensorflow as tf

TRAIN = "train"
VALIDATION = "validation"
_EVENTS = "events.out.tfevents.*"

Points = Sequence[tuple[float, float]]
"""Step or epoch, from 0, and value."""


def read(run: Path, part: str) -> Mapping[str, Points]:
    """Read the scalars of a part of a training.

    Args:
        run: folder of the Trainer's output ``model_run``.
        part: :data:`TRAIN` or :data:`VALIDATION`.

    Returns:
        The points by the tag that Keras gives, like ``epoch_loss``, in the order of their steps; empty where there are
        no files.
    """
    files = sorted((run / part).glob(_EVENTS), key=lambda file: file.stat().st_mtime)
    found: dict[str, dict[int, float]] = defaultdict(dict)
    for file in files:
        for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(record)
            for value in event.summary.value:
                if value.HasField("tensor") and not value.tensor.tensor_shape.dim:
                    found[value.tag][event.step] = float(tf.make_ndarray(value.tensor))
    return {tag: sorted(points.items()) for tag, points in found.items()}
