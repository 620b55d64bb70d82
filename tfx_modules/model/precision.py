"""Chooses the type that the exported model computes in.

bfloat16 has float32's range and a third of its digits. Processors with matrix units for it (AMX, AVX512-BF16) are
several times as fast with it; others emulate it, and are slower. So it is measured, and its accuracy compared.
"""

import logging
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf

from tfx_modules.data.review_set import ReviewSet, share_right
from tfx_modules.model.measuring.rows import loses_too_much
from tfx_modules.settings.settings import ExportSettings, Precision

Score = Callable[[tf.Tensor], tf.Tensor]
"""From texts, string [batch], to the probabilities of positive, float32 [batch], or of all classes [batch, classes]."""

MIN_SPEEDUP = 1.2
"""Less is not worth an export that other processors are slower with."""
BATCH = 32
_TIMED_TEXTS = 8
_TIMED_RUNS = 5

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PrecisionChoice:
    """The chosen precision, and what decided."""

    precision: Precision
    reason: str
    """In words."""
    accuracies: Mapping[Precision, float] = field(default_factory=dict)
    """On the holdout, of the precisions whose accuracy was measured."""


def choose(make: Callable[[Precision], Score], settings: ExportSettings, holdout: ReviewSet | None) -> PrecisionChoice:
    """Choose by the settings; for ``auto``, by this machine and the holdout.

    Args:
        make: gives the model in a precision.
        settings: what is set for the export.
        holdout: reviews that the model was not trained on; None where the run has none.

    Returns:
        bfloat16 where it is faster here and loses no more accuracy on the holdout than the settings allow; else
        float32. The log says why.
    """
    if settings.precision is not Precision.AUTO:
        return PrecisionChoice(settings.precision, "export.precision in the settings")
    chosen = _tried(make, settings, holdout)
    _logger.info("the model is exported in %s: %s", chosen.precision.value, chosen.reason)
    return chosen


def _tried(make: Callable[[Precision], Score], settings: ExportSettings, holdout: ReviewSet | None) -> PrecisionChoice:
    if tf.config.list_logical_devices("GPU"):
        reason = "this machine has a GPU, so that the speed of a CPU cannot be measured here"
        return PrecisionChoice(Precision.FLOAT32, reason)
    if holdout is None:
        return PrecisionChoice(Precision.FLOAT32, "the run has no holdout to compare precisions on")
    exact, quick = make(Precision.FLOAT32), make(Precision.BFLOAT16)
    speedup = _seconds(exact, holdout) / _seconds(quick, holdout)
    if speedup < MIN_SPEEDUP:
        reason = f"bfloat16 is {speedup:.1f} times as fast here; {MIN_SPEEDUP} would be worth it"
        return PrecisionChoice(Precision.FLOAT32, reason)
    right, nearly = _accuracy(exact, holdout), _accuracy(quick, holdout)
    accuracies = {Precision.FLOAT32: right, Precision.BFLOAT16: nearly}
    comparison = (
        f"bfloat16 is {speedup:.1f} times as fast here, {holdout.task.measure} on {holdout.name} {nearly:.4f}, "
        f"float32 {right:.4f}"
    )
    if loses_too_much(right, nearly, settings.max_accuracy_loss):
        reason = f"{comparison}; it may lose {settings.max_accuracy_loss}"
        return PrecisionChoice(Precision.FLOAT32, reason, accuracies)
    return PrecisionChoice(Precision.BFLOAT16, comparison, accuracies)


def _seconds(score: Score, holdout: ReviewSet) -> float:
    """Return the median time for some texts, after one run that compiles."""
    texts = tf.constant([text.encode() for text in holdout.texts[:_TIMED_TEXTS]])
    score(texts)
    return statistics.median(_timed(score, texts) for _ in range(_TIMED_RUNS))


def _timed(score: Score, texts: tf.Tensor) -> float:
    began = time.perf_counter()
    score(texts).numpy()
    return time.perf_counter() - began


def _accuracy(score: Score, holdout: ReviewSet) -> float:
    texts = [text.encode() for text in holdout.texts]
    # Texts of like length share a batch: it goes through the encoder in fewer passes, with less padding.
    order = sorted(range(len(texts)), key=lambda n: len(texts[n]))
    found = np.concatenate([score(tf.constant([texts[n] for n in rows])).numpy() for rows in _batches(order)])
    made = np.empty_like(found)
    made[order] = found
    return share_right(made, holdout.labels, threshold=holdout.task.threshold)


def _batches(order: list[int]) -> list[list[int]]:
    return [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
