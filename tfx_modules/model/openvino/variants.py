"""Writes what a version carries for OpenVINO: the fastest precision that loses little accuracy."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import openvino
import tensorflow as tf

from tfx_modules.data.review_set import THRESHOLD, ReviewSet
from tfx_modules.engines import description
from tfx_modules.engines.description import Description, Variant
from tfx_modules.engines.openvino_encoder import OpenVinoEncoder
from tfx_modules.model.ends import Ends
from tfx_modules.model.openvino import graph, quantization

Ids = npt.NDArray[np.int32]

MOST_MEASURED = 1000
"""Rows that each precision is measured on: with more, a run would wait for minutes on two cores."""
_BATCH = 32
_EPSILON = 1e-9
_LOGIT = float(np.log(THRESHOLD / (1 - THRESHOLD)))

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Measured:
    """Rows that precisions are compared on.

    Attributes:
        name: of the set, for people.
        ids: of each row, int32 [tokens], without padding.
        labels: int64 [rows], the number of each row's class.
    """

    name: str
    ids: tuple[Ids, ...]
    labels: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Written:
    """What was written for OpenVINO.

    Attributes:
        description: of the chosen precision.
        accuracies: of each precision that was measured.
        reason: why the precision was chosen, in words.
    """

    description: Description
    accuracies: Mapping[str, float]
    reason: str


def of_reviews(reviews: ReviewSet, ends: Ends) -> Measured:
    """Tokenise reviews; the first ``MOST_MEASURED`` count."""
    texts = [text.encode() for text in reviews.texts[:MOST_MEASURED]]
    rows = np.concatenate(
        [ends.token_ids(tf.constant(texts[n : n + _BATCH])).numpy() for n in range(0, len(texts), _BATCH)]
    )
    lengths = np.count_nonzero(rows, axis=1)
    ids = tuple(row[:length].astype(np.int32) for row, length in zip(rows, lengths, strict=True))
    return Measured(reviews.name, ids, reviews.labels[:MOST_MEASURED].astype(np.int64))


def of_split(name: str, examples: tf.data.Dataset) -> Measured:
    """Take a split's examples, from ``batches.read_examples``; the first ``MOST_MEASURED`` count."""
    ids, labels = zip(*examples.take(MOST_MEASURED).as_numpy_iterator(), strict=True)
    return Measured(name, ids, np.array(labels, np.int64))


def write(
    classifier: keras.Model,
    ends: Ends,
    version: Path,
    *,
    calibration: Iterable[Ids],
    measured: Measured,
    max_accuracy_loss: float,
) -> Written:
    """Write the folder ``description.PLACE`` of a version.

    Args:
        classifier: from ids to logits.
        ends: what comes before and after it.
        version: the version's folder.
        calibration: ids of training examples, int32 [tokens], without padding, which INT8 is calibrated with.
        measured: one row at least.
        max_accuracy_loss: how much lower than float32's the accuracy of INT8 may be; else float32 is written.
    """
    folder = version / description.PLACE
    folder.mkdir(parents=True)
    began = time.monotonic()
    exact = graph.build(classifier)
    accuracy = _written(exact, "float32", folder, measured)
    chosen = Variant("float32", accuracy, 0.0)
    nearly = _written(quantization.quantized(exact, calibration), "int8", folder, measured)
    lost = accuracy - nearly
    if lost <= max_accuracy_loss + _EPSILON:
        chosen = Variant("int8", nearly, lost)
    _remove(folder, "float32" if chosen.precision == "int8" else "int8")
    ends.save(str(folder / description.ENDS))
    made = Description(openvino.get_version().partition("-")[0], measured.name, (chosen,))
    description.write(made, folder)
    reason = (
        f"accuracy on {len(measured.labels)} of {measured.name} {nearly:.4f} in INT8, {accuracy:.4f} in float32; "
        f"it may lose {max_accuracy_loss:g}"
    )
    took = time.monotonic() - began
    _logger.info("for OpenVINO the model is exported in %s: %s. This took %.0f s.", chosen.precision, reason, took)
    return Written(made, {"float32": accuracy, "int8": nearly}, reason)


def _written(model: openvino.Model, precision: str, folder: Path, measured: Measured) -> float:
    """Write a precision; return the accuracy of what was written."""
    file = folder / f"{precision}.xml"
    # What INT8 leaves in float32 is mostly the words' vectors: half of the file, and no less exact in float16.
    openvino.save_model(model, file, compress_to_fp16=precision == "int8")
    encoder = OpenVinoEncoder(file)
    return float(np.mean(_answers(encoder.logits, measured) == measured.labels))


def _answers(logits: Callable[[Ids], npt.NDArray[np.float32]], measured: Measured) -> npt.NDArray[np.int64]:
    answers = np.empty(len(measured.ids), np.int64)
    order = sorted(range(len(measured.ids)), key=lambda n: len(measured.ids[n]))
    for start in range(0, len(order), _BATCH):
        rows = order[start : start + _BATCH]
        found = logits(_padded([measured.ids[n] for n in rows]))
        answers[rows] = np.argmax(found, axis=1) if found.ndim == 2 else found >= _LOGIT
    return answers


def _padded(rows: list[Ids]) -> Ids:
    made = np.zeros((len(rows), max(map(len, rows))), np.int32)
    for place, ids in zip(made, rows, strict=True):
        place[: len(ids)] = ids
    return made


def _remove(folder: Path, precision: str) -> None:
    for suffix in (".xml", ".bin"):
        (folder / f"{precision}{suffix}").unlink()
