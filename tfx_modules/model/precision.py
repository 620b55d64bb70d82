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

from tfx_modules.model.measuring.rows import Ids, Measured, logits_of, loses_too_much, padded, share_right
from tfx_modules.settings.settings import ExportSettings, Precision

Compute = Callable[[Ids], tf.Tensor]
"""From ids int32 [rows, tokens], 0 is padding, to logits float32 [rows], or [rows, classes]."""

MIN_SPEEDUP = 1.2
"""Less is not worth an export that other processors are slower with."""
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


def choose(
    make: Callable[[Precision], Compute], settings: ExportSettings, holdout: Callable[[], Measured] | None
) -> PrecisionChoice:
    """Choose by the settings; for ``auto``, by this machine and the holdout.

    Args:
        make: gives the model's encoder in a precision. What comes before and after it is the same in each.
        settings: what is set for the export.
        holdout: returns reviews that the model was not trained on; None where the run has none.

    Returns:
        bfloat16 where it is faster here and loses no more accuracy on the holdout than the settings allow; else
        float32. The log says why.
    """
    if settings.precision is not Precision.AUTO:
        return PrecisionChoice(settings.precision, "export.precision in the settings")
    chosen = _tried(make, settings, holdout)
    _logger.info("the model is exported in %s: %s", chosen.precision.value, chosen.reason)
    return chosen


def _tried(
    make: Callable[[Precision], Compute], settings: ExportSettings, holdout: Callable[[], Measured] | None
) -> PrecisionChoice:
    if tf.config.list_logical_devices("GPU"):
        reason = "this machine has a GPU, so that the speed of a CPU cannot be measured here"
        return PrecisionChoice(Precision.FLOAT32, reason)
    if holdout is None:
        return PrecisionChoice(Precision.FLOAT32, "the run has no holdout to compare precisions on")
    measured = holdout()
    exact, quick = make(Precision.FLOAT32), make(Precision.BFLOAT16)
    speedup = _seconds(exact, measured) / _seconds(quick, measured)
    times = f"float32 takes {speedup:.1f} times the processor time of bfloat16 here"
    if speedup < MIN_SPEEDUP:
        return PrecisionChoice(Precision.FLOAT32, f"{times}; {MIN_SPEEDUP} would be worth it")
    right, nearly = _accuracy(exact, measured), _accuracy(quick, measured)
    accuracies = {Precision.FLOAT32: right, Precision.BFLOAT16: nearly}
    comparison = f"{times}, {measured.task.measure} of bfloat16 on {measured.name} {nearly:.4f}, float32 {right:.4f}"
    if loses_too_much(right, nearly, settings.max_accuracy_loss):
        reason = f"{comparison}; it may lose {settings.max_accuracy_loss}"
        return PrecisionChoice(Precision.FLOAT32, reason, accuracies)
    return PrecisionChoice(Precision.BFLOAT16, comparison, accuracies)


def _seconds(compute: Compute, measured: Measured) -> float:
    """Return the median processor time for some texts, after one run that compiles.

    By the clock, a graph that keeps several cores busy for one text would look faster than it is for many clients.
    """
    ids = padded(measured.ids[:_TIMED_TEXTS])
    _timed(compute, ids)
    return statistics.median(_timed(compute, ids) for _ in range(_TIMED_RUNS))


def _timed(compute: Compute, ids: Ids) -> float:
    began = time.process_time()
    np.asarray(compute(ids))
    return time.process_time() - began


def _accuracy(compute: Compute, measured: Measured) -> float:
    return share_right(logits_of(lambda ids: np.asarray(compute(ids)), measured), measured)
