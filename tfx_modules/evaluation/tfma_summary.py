"""Summarises a TFMA validation in one line, with the numbers that decided it."""

from collections.abc import Iterator

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import metrics_for_slice_pb2, validation_result_pb2

from tfx_modules.evaluation.mcnemar import distinct_texts

_SHOWN = ("binary_accuracy", "accuracy", "exact_match", "auc")
"""The metrics in the line of a blessed model, where it has them."""
_DISPLAY_NAMES = {"binary_accuracy": "accuracy", "exact_match": "exact match", "auc": "AUC"}
_DIGITS = 3


def describe(evaluation: str) -> str:
    """Return whether a model was blessed, with the numbers that decided it, as a line.

    Args:
        evaluation: folder of a ModelEvaluation artifact, with TFMA's metrics and validation result.

    Returns:
        Like ``not blessed: accuracy 0.612 < floor 0.700``, or ``blessed: accuracy 0.910, AUC 0.967``.
    """
    result = tfma.load_validation_result(evaluation)
    if not result.validation_ok:
        return "not blessed: " + "; ".join(_failures(result))
    metrics = ", ".join(_metrics(evaluation))
    return f"blessed: {metrics}" if metrics else "blessed"


def _failures(result: validation_result_pb2.ValidationResult) -> Iterator[str]:
    for validations in result.metric_validations_per_slice:
        place = _slice_name(validations.slice_key)
        for failure in validations.failures:
            yield f"{_failure(failure)}{place}"
    for spec in result.missing_slices:
        pairs = [f"{name}={value}" for name, value in sorted(spec.feature_values.items())]
        yield f"no examples in slice {', '.join([*spec.feature_keys, *pairs])}"
    if result.missing_thresholds:
        yield "the evaluation has no thresholds"


def _failure(failure: validation_result_pb2.ValidationFailure) -> str:
    name = _name(failure.metric_key)
    if not failure.HasField("metric_value"):
        return f"{name}: {' '.join(failure.message.split())}"
    value = failure.metric_value.double_value.value
    threshold = failure.metric_threshold.value_threshold
    if threshold.HasField("lower_bound") and not value >= threshold.lower_bound.value:
        return "{} {} < floor {}".format(name, *distinct_texts(value, threshold.lower_bound.value))
    return "{} {} > ceiling {}".format(name, *distinct_texts(value, threshold.upper_bound.value))


def _metrics(evaluation: str) -> list[str]:
    values = {
        item.key.name: item.value.double_value.value
        for slice_metrics in tfma.load_metrics(evaluation)
        if not slice_metrics.slice_key.single_slice_keys
        for item in slice_metrics.metric_keys_and_values
        if item.key.model_name != tfma.BASELINE_KEY and not item.key.is_diff
    }
    return [f"{_DISPLAY_NAMES.get(name, name)} {values[name]:.{_DIGITS}f}" for name in _SHOWN if name in values]


def _name(key: metrics_for_slice_pb2.MetricKey) -> str:
    return str(_DISPLAY_NAMES.get(key.name, key.name))


def _slice_name(key: metrics_for_slice_pb2.SliceKey) -> str:
    pairs = [f"{item.column}={_slice_value(item)}" for item in key.single_slice_keys]
    return f" where {', '.join(pairs)}" if pairs else ""


def _slice_value(key: metrics_for_slice_pb2.SingleSliceKey) -> str:
    value = getattr(key, key.WhichOneof("kind"))
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
