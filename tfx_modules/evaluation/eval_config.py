"""Makes TFMA's EvalConfig: which metrics on which slices, and when the Evaluator blesses.

It blesses by the floor alone, and measures the champion beside the candidate for people to see. Whether the candidate
may replace the champion is decided by the promotion gate (``promotion_gate.py``): TFMA has no significance test.
"""

import tensorflow_model_analysis as tfma
from google.protobuf import wrappers_pb2

from tfx_modules.data import features
from tfx_modules.model import export
from tfx_modules.settings.settings import GateSettings

ACCURACY = "BinaryAccuracy"
_EPSILON = 1e-9
"""TFMA asks for more than the bound; equal is good enough here."""
_METRICS = ("AUC", "Precision", "Recall", "F1Score", "Calibration", "MeanLabel", "MeanPrediction", "ExampleCount")
_SLICES = ((), (features.LABEL,), (features.LENGTH,), (features.QUESTION,))


def eval_config(gate: GateSettings) -> tfma.EvalConfig:
    """Describe the evaluation of a candidate against the baseline.

    Args:
        gate: the floor of the accuracy on all examples.

    Returns:
        TFMA's config, for raw examples and the signature ``serving_examples``.
    """
    spec = {"signature_name": export.EXAMPLES, "label_key": features.LABEL, "prediction_key": export.SCORE}
    return tfma.EvalConfig(
        model_specs=[tfma.ModelSpec(**spec)],
        slicing_specs=[tfma.SlicingSpec(feature_keys=keys) for keys in _SLICES],
        metrics_specs=[
            tfma.MetricsSpec(metrics=[_gated_accuracy(gate), *(tfma.MetricConfig(class_name=m) for m in _METRICS)])
        ],
    )


def _gated_accuracy(gate: GateSettings) -> tfma.MetricConfig:
    floor = tfma.GenericValueThreshold(lower_bound=wrappers_pb2.DoubleValue(value=gate.accuracy_floor - _EPSILON))
    # For all examples together only: a threshold set on the metric itself holds for every slice, down to the smallest.
    overall = tfma.PerSliceMetricThreshold(
        slicing_specs=[tfma.SlicingSpec()], threshold=tfma.MetricThreshold(value_threshold=floor)
    )
    return tfma.MetricConfig(class_name=ACCURACY, per_slice_thresholds=[overall])
