"""Writes what a version carries for OpenVINO: the precisions that lose little accuracy."""

import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import openvino
import tensorflow as tf

from tfx_modules.data.review_set import ReviewSet
from tfx_modules.engines import description
from tfx_modules.engines.description import PRECISIONS, Description, Variant
from tfx_modules.engines.openvino_encoder import OpenVinoEncoder
from tfx_modules.engines.openvino_library import unusable
from tfx_modules.model.ends import Ends
from tfx_modules.model.openvino import graph, quantization
from tfx_modules.settings.task import BINARY_SENTIMENT, TaskSettings

Ids = npt.NDArray[np.int32]

MOST_MEASURED = 1000
"""Rows that each precision is measured on: with more, a run would wait for minutes on two cores."""
_BATCH = 32
_EPSILON = 1e-9

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Measured:
    """Rows that precisions are compared on.

    Attributes:
        name: of the set, for people.
        ids: of each row, int32 [tokens], without padding.
        labels: int64 [rows], the number of each row's class; of a multilabel task [rows, classes], 0 or 1.
        task: what the labels are of.
    """

    name: str
    ids: tuple[Ids, ...]
    labels: npt.NDArray[np.int64]
    task: TaskSettings = BINARY_SENTIMENT


@dataclass(frozen=True)
class Written:
    """What was written for OpenVINO.

    Attributes:
        description: of the chosen precisions.
        accuracies: of each precision that was measured.
        reason: why the precisions were chosen, in words.
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
    return Measured(reviews.name, ids, reviews.labels[:MOST_MEASURED].astype(np.int64), reviews.task)


def of_split(name: str, examples: tf.data.Dataset, task: TaskSettings) -> Measured:
    """Take a split's examples, from ``batches.read_examples``; the first ``MOST_MEASURED`` count."""
    ids, labels = zip(*examples.take(MOST_MEASURED).as_numpy_iterator(), strict=True)
    return Measured(name, ids, np.array(labels, np.int64), task)


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
        max_accuracy_loss: how much lower than float32's the accuracy of INT8 and of bfloat16 may be. Where INT8 is
            lower, float32 is written. bfloat16 is measured, and written, where this processor computes in it.
    """
    folder = version / description.PLACE
    folder.mkdir(parents=True)
    began = time.monotonic()
    exact = graph.build(classifier)
    accuracies = {"float32": _written(exact, "float32", folder, measured)}
    lacking = {precision: reason for precision in ("bfloat16", "int8") if (reason := unusable(precision))}
    if "bfloat16" not in lacking:
        accuracies["bfloat16"] = _written(exact, "bfloat16", folder, measured)
    if "int8" not in lacking:
        accuracies["int8"] = _written(quantization.quantized(exact, calibration), "int8", folder, measured)
    chosen = _chosen(accuracies, max_accuracy_loss)
    for precision in set(accuracies) - {variant.precision for variant in chosen}:
        _remove(folder, precision)
    ends.save(str(folder / description.ENDS))
    made = Description(openvino.get_version().partition("-")[0], measured.name, chosen)
    description.write(made, folder)
    listed = ", ".join(f"{accuracies[each]:.4f} in {each}" for each in PRECISIONS if each in accuracies)
    where = f"{measured.task.measure} on {len(measured.labels)} of {measured.name}"
    reason = f"{where} {listed}; it may lose {max_accuracy_loss:g}"
    for precision, why in lacking.items():
        reason += f"; {precision} was not measured: {why}"
    names = " and ".join(variant.precision for variant in chosen)
    _logger.info(
        "for OpenVINO the model is exported in %s: %s. This took %.0f s.", names, reason, time.monotonic() - began
    )
    return Written(made, accuracies, reason)


def _chosen(accuracies: Mapping[str, float], max_accuracy_loss: float) -> tuple[Variant, ...]:
    """Return what loses little; float32 only where INT8 does not, for INT8 is as usable and faster."""
    exact = accuracies["float32"]
    kept = [
        Variant(precision, accuracies[precision], exact - accuracies[precision])
        for precision in ("int8", "bfloat16")
        if exact - accuracies.get(precision, -math.inf) <= max_accuracy_loss + _EPSILON
    ]
    if not any(variant.precision == "int8" for variant in kept):
        kept.append(Variant("float32", exact, 0.0))
    return tuple(kept)


def _written(model: openvino.Model, precision: str, folder: Path, measured: Measured) -> float:
    """Write a precision; return the accuracy of what was written."""
    file = folder / f"{precision}.xml"
    # What INT8 leaves in float32 is mostly the words' vectors: half of the file, and no less exact in float16. That has
    # more digits than bfloat16, too.
    openvino.save_model(model, file, compress_to_fp16=precision != "float32")
    encoder = OpenVinoEncoder(file, precision=precision)
    right = _answers(encoder.logits, measured) == measured.labels
    return float(np.mean(right.all(axis=1) if right.ndim == 2 else right))


def _answers(logits: Callable[[Ids], npt.NDArray[np.float32]], measured: Measured) -> npt.NDArray[np.int64]:
    answers = np.empty_like(measured.labels)
    logit = measured.task.logit
    order = sorted(range(len(measured.ids)), key=lambda n: len(measured.ids[n]))
    for start in range(0, len(order), _BATCH):
        rows = order[start : start + _BATCH]
        found = logits(_padded([measured.ids[n] for n in rows]))
        one_of_many = found.ndim == 2 and answers.ndim == 1
        answers[rows] = np.argmax(found, axis=1) if one_of_many else found >= logit
    return answers


def _padded(rows: list[Ids]) -> Ids:
    made = np.zeros((len(rows), max(map(len, rows))), np.int32)
    for place, ids in zip(made, rows, strict=True):
        place[: len(ids)] = ids
    return made


def _remove(folder: Path, precision: str) -> None:
    for suffix in (".xml", ".bin"):
        (folder / f"{precision}{suffix}").unlink()
