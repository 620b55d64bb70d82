"""Makes TFMA's EvalConfig: which metrics on which slices, and when the Evaluator blesses.

Confusion matrices and calibration are for the report (``tfx_modules.reports.evaluator``).

It blesses a model whose accuracy reaches the floor and, of a binary task, whose AUC is above 0.5. It measures the
champion beside the candidate for people to see. Whether the candidate may replace the champion is decided by the
promotion gate (``promotion_gate.py``): TFMA has no significance test.
"""

import json
from typing import Any

from google.protobuf import wrappers_pb2
from tensorflow_model_analysis.proto import config_pb2

from tfx_modules.data import features
from tfx_modules.data.review_set import THRESHOLD
from tfx_modules.evaluation import exact_match
from tfx_modules.model import ends, export
from tfx_modules.settings.gate import GateSettings
from tfx_modules.settings.task import BINARY_SENTIMENT, TaskSettings

ACCURACY = "BinaryAccuracy"
_EPSILON = 1e-9
"""TFMA asks for more than the bound; equal is good enough here."""
AUC = "AUC"
_CHANCE = 0.5
"""AUC of scores that say nothing; TFMA gives 0 where all examples have the same label."""
_METRICS = ("Precision", "Recall", "F1Score", "Calibration", "MeanLabel", "MeanPrediction", "ExampleCount")
_CONFUSION = "ConfusionMatrixAtThresholds"
_CONFUSION_OF_CLASSES = "MultiClassConfusionMatrixAtThresholds"
_CALIBRATION = "CalibrationPlot"
_BUCKETS = 10
_OF_EACH_CLASS = ("Precision", "Recall", "F1Score")


def eval_config(gate: GateSettings, task: TaskSettings = BINARY_SENTIMENT) -> config_pb2.EvalConfig:
    """Describe the evaluation of a candidate against the baseline.

    Args:
        gate: the floor of the accuracy on all examples.
        task: the pipeline's, with the labels.

    Returns:
        TFMA's config, for raw examples and the signature ``serving_examples``.
    """
    spec = {
        "signature_name": ends.EXAMPLES,
        "label_key": features.LABEL,
        "prediction_key": export.probabilities_of(task),
    }
    return config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec(**spec)],
        slicing_specs=[config_pb2.SlicingSpec(feature_keys=keys) for keys in _slices(task)],
        metrics_specs=_metrics(gate, task),
    )


def _metrics(gate: GateSettings, task: TaskSettings) -> list[config_pb2.MetricsSpec]:
    if task.outputs == 1:
        return _binary(gate)
    return [*(_of_sets(gate, task) if task.has_sets else _of_answers(gate)), *_of_classes(task)]


def _binary(gate: GateSettings) -> list[config_pb2.MetricsSpec]:
    metrics = [
        _gated(ACCURACY, gate.accuracy_floor - _EPSILON),
        _gated(AUC, _CHANCE),
        *(config_pb2.MetricConfig(class_name=name) for name in _METRICS),
        _configured(_CONFUSION, thresholds=[THRESHOLD]),
        _calibration(),
    ]
    return [config_pb2.MetricsSpec(metrics=metrics)]


def _of_sets(gate: GateSettings, task: TaskSettings) -> list[config_pb2.MetricsSpec]:
    """Return the share of texts with all labels right, of a multilabel task."""
    matched = _gated(exact_match.ExactMatchOfLabels.__name__, gate.accuracy_floor - _EPSILON)
    matched.module = exact_match.__name__
    matched.config = json.dumps({"threshold": task.threshold})
    return [config_pb2.MetricsSpec(metrics=[matched, config_pb2.MetricConfig(class_name="ExampleCount")])]


def _of_answers(gate: GateSettings) -> list[config_pb2.MetricsSpec]:
    """Return accuracy and confusion of the most probable labels, of a multiclass task.

    The precision of the one most probable label, over all classes, is the accuracy.
    """
    accuracy = _gated("Precision", gate.accuracy_floor - _EPSILON)
    accuracy.config = json.dumps({"name": "accuracy"})
    # Above 0 is always one of the probabilities: the matrix has the label that the model answers.
    overall = [_configured(_CONFUSION_OF_CLASSES, thresholds=[0.0]), config_pb2.MetricConfig(class_name="ExampleCount")]
    return [
        config_pb2.MetricsSpec(metrics=[accuracy], binarize=config_pb2.BinarizationOptions(top_k_list={"values": [1]})),
        config_pb2.MetricsSpec(metrics=overall),
    ]


def _of_classes(task: TaskSettings) -> list[config_pb2.MetricsSpec]:
    """Return each class against all others, and their means.

    Precision, recall and F1 of a class are those of probabilities above 0.5, or above the threshold of label sets.
    """
    numbers = range(len(task.classes))
    above = {"thresholds": [task.threshold]} if task.has_sets else {}
    each = [_configured(name, **above) for name in _OF_EACH_CLASS]
    return [
        config_pb2.MetricsSpec(
            metrics=each,
            binarize=config_pb2.BinarizationOptions(class_ids={"values": numbers}),
            aggregate=config_pb2.AggregationOptions(macro_average=True, class_weights=dict.fromkeys(numbers, 1.0)),
        ),
        config_pb2.MetricsSpec(
            metrics=[_calibration()], binarize=config_pb2.BinarizationOptions(class_ids={"values": numbers})
        ),
    ]


def _calibration() -> config_pb2.MetricConfig:
    """Return the plot of how often a label holds where its probability is in one of ten ranges."""
    return _configured(_CALIBRATION, num_buckets=_BUCKETS, left=0.0, right=1.0)


def _configured(metric: str, **arguments: Any) -> config_pb2.MetricConfig:
    return config_pb2.MetricConfig(class_name=metric, config=json.dumps(arguments) if arguments else "")


def _slices(task: TaskSettings) -> tuple[tuple[str, ...], ...]:
    """Return the features to slice by; a label of the user's own is shown in words, not by its number."""
    label = features.LABEL if task.is_default else features.SENTIMENT
    return (), (label,), (features.LENGTH,), (features.QUESTION,)


def _gated(metric: str, bound: float) -> config_pb2.MetricConfig:
    above = config_pb2.GenericValueThreshold(lower_bound=wrappers_pb2.DoubleValue(value=bound))
    # For all examples together only: a threshold set on the metric itself holds for every slice, down to the smallest.
    overall = config_pb2.PerSliceMetricThreshold(
        slicing_specs=[config_pb2.SlicingSpec()], threshold=config_pb2.MetricThreshold(value_threshold=above)
    )
    return config_pb2.MetricConfig(class_name=metric, per_slice_thresholds=[overall])
