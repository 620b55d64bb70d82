"""TFMA's metric of a multilabel task: the share of texts of which a model has all labels right.

TFMA's own ExactMatch compares labels with predictions as they are, and the predictions here are probabilities.
"""

from collections.abc import Iterable
from typing import Any

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis.metrics import metric_types, metric_util

from tfx_modules.data.review_set import THRESHOLD

NAME = "exact_match"


class ExactMatchOfLabels(metric_types.Metric):  # type: ignore[misc]
    """The share of examples whose labels [classes] are those with a probability of the threshold or more.

    TFMA's EvalConfig names it by class and module.
    """

    def __init__(self, name: str = NAME, threshold: float = THRESHOLD) -> None:
        """Take the name in the results, and the task's threshold."""
        super().__init__(metric_util.merge_per_key_computations(_computations), name=name, threshold=threshold)


metric_types.register_metric(ExactMatchOfLabels)


def _computations(
    name: str,
    eval_config: Any = None,
    model_name: str = "",
    output_name: str = "",
    threshold: float = THRESHOLD,
) -> list[metric_types.MetricComputation]:
    key = metric_types.MetricKey(name=name, model_name=model_name, output_name=output_name)
    combiner = _CountRight(key, eval_config, np.float32(threshold))
    return [metric_types.MetricComputation(keys=[key], preprocessors=None, combiner=combiner)]


_Counted = tuple[float, float]
"""Weights of the examples that are right, and of all."""


class _CountRight(beam.CombineFn):  # type: ignore[misc]
    def __init__(self, key: metric_types.MetricKey, eval_config: Any, threshold: np.float32) -> None:
        super().__init__()
        self._threshold = threshold  # as the model's own graph compares, in float32
        self._key = key
        self._eval_config = eval_config

    def create_accumulator(self) -> _Counted:
        """Begin with no example."""
        return 0.0, 0.0

    def add_input(self, accumulator: _Counted, element: metric_types.StandardMetricInputs, *_: Any) -> _Counted:
        """Add an example; TFMA gives its whole labels and probabilities."""
        right, total = accumulator
        for labels, scores, weight in metric_util.to_label_prediction_example_weight(
            element,
            eval_config=self._eval_config,
            model_name=self._key.model_name,
            output_name=self._key.output_name,
            flatten=False,
        ):
            counted = float(metric_util.safe_to_scalar(weight))
            is_right = np.array_equal(np.ravel(scores) >= self._threshold, np.ravel(labels) > 0)
            right, total = right + counted * is_right, total + counted
        return right, total

    def merge_accumulators(self, accumulators: Iterable[_Counted], *_: Any) -> _Counted:
        """Add up."""
        found = list(accumulators)
        return sum(right for right, _ in found), sum(total for _, total in found)

    def extract_output(self, accumulator: _Counted, *_: Any) -> dict[metric_types.MetricKey, float]:
        """Return the share."""
        right, total = accumulator
        return {self._key: right / total if total else float("nan")}
