"""Reads what TFMA has written of an evaluation: metrics, confusion and calibration of each slice, of both models."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import metrics_for_slice_pb2 as proto
from tensorflow_model_analysis.writers.eval_config_writer import load_eval_run

from tfx_modules.data import features
from tfx_modules.model import export
from tfx_modules.settings.task import TaskSettings

ALL = "all examples"
"""Name of the slice that has all."""
_DISPLAY_NAMES = {"binary_accuracy": "accuracy", "auc": "AUC", "f1_score": "F1", "example_count": "examples"}
"""TFMA's names, but for those that only lack their blanks: ``exact_match``."""
SHARES_RIGHT = ("accuracy", "exact match")
"""What the share of examples that are right is called; of a multilabel task, of those with all labels right."""
_NO_ANSWER = -1
"""TFMA's number of the class where no probability is above the threshold."""
NO_ANSWER = "none"


@dataclass(frozen=True)
class Bucket:
    """A range of probabilities that a model gave a label."""

    low: float
    high: float
    count: float
    probability: float
    """Mean of the probabilities, 0 to 1."""
    share: float
    """Share of the examples that have the label, 0 to 1."""


@dataclass(frozen=True)
class Confusion:
    """How many examples of each label got each answer."""

    labels: Sequence[str]
    answers: Sequence[str]
    """The labels, and :data:`NO_ANSWER` where some got none."""
    counts: Sequence[Sequence[float]]


@dataclass
class ModelResult:
    """What was measured of one model on one slice."""

    metrics: dict[str, float] = field(default_factory=dict)
    """By name, for people."""
    classes: dict[str, dict[str, float]] = field(default_factory=dict)
    """By label: metrics of that label against all others, by name."""
    confusion: Confusion | None = None
    calibration: dict[str, Sequence[Bucket]] = field(default_factory=dict)
    """By label."""


@dataclass
class SliceResult:
    """What was measured on one slice."""

    name: str
    """:data:`ALL`, or like ``length = short``."""
    by_label: bool = False
    """Whether all its examples have the same label."""
    candidate: ModelResult = field(default_factory=ModelResult)
    champion: ModelResult = field(default_factory=ModelResult)


@dataclass(frozen=True)
class Labels:
    """The names of the classes of an evaluated model."""

    names: Sequence[str]
    """By number; empty where they are not known, as of a model that is not this project's."""

    def name(self, number: int) -> str:
        """Return the name of a class."""
        if number == _NO_ANSWER:
            return NO_ANSWER
        return self.names[number] if number < len(self.names) else f"class {number}"

    @property
    def positive(self) -> str:
        """The label that the score of a binary task is the probability of."""
        return self.name(1)


def labels_of(evaluation: str, task: TaskSettings) -> Labels:
    """Return the names of the classes.

    Args:
        evaluation: folder of a ModelEvaluation artifact.
        task: of the evaluated model, if it is this project's.
    """
    config, *_ = load_eval_run(evaluation)
    ours = (features.LABEL, export.probabilities_of(task))
    specs = [(spec.label_key, spec.prediction_key) for spec in config.model_specs] if config else []
    return Labels(task.classes if ours in specs else ())


def read(evaluation: str, labels: Labels) -> list[SliceResult]:
    """Read an evaluation.

    Args:
        evaluation: folder of a ModelEvaluation artifact.
        labels: the names of the classes.

    Returns:
        The slices; the one of all examples is the first, the others are by name.
    """
    found: dict[str, SliceResult] = {}
    for metrics in tfma.load_metrics(evaluation):
        place = _slice(found, metrics.slice_key, labels)
        for item in metrics.metric_keys_and_values:
            if not item.key.is_diff:
                _take(_model(place, item.key), item, labels)
    for plots in tfma.load_plots(evaluation):
        place = _slice(found, plots.slice_key, labels)
        for plot in plots.plot_keys_and_values:
            buckets = tuple(_buckets(plot.value.calibration_histogram_buckets.buckets))
            if buckets:
                label = labels.name(plot.key.sub_key.class_id.value if _of_class(plot.key) else 1)
                _model(place, plot.key).calibration[label] = buckets
    return sorted(found.values(), key=lambda one: (one.name != ALL, one.name))


def _slice(found: dict[str, SliceResult], key: proto.SliceKey, labels: Labels) -> SliceResult:
    pairs = [(item.column, _value(item)) for item in key.single_slice_keys]
    by_label = [column for column, _ in pairs] in ([features.LABEL], [features.SENTIMENT])
    texts = [
        f"{column} = {labels.name(value) if column == features.LABEL and isinstance(value, int) else value}"
        for column, value in pairs
    ]
    name = ", ".join(texts) or ALL
    return found.setdefault(name, SliceResult(name, by_label=by_label))


def _value(item: proto.SingleSliceKey) -> Any:
    value = getattr(item, item.WhichOneof("kind"))
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _model(place: SliceResult, key: Any) -> ModelResult:
    return place.champion if key.model_name == tfma.BASELINE_KEY else place.candidate


def _of_class(key: Any) -> bool:
    return bool(key.sub_key.HasField("class_id"))


def _take(result: ModelResult, item: Any, labels: Labels) -> None:
    kind = item.value.WhichOneof("type")
    if kind == "double_value":
        name = _DISPLAY_NAMES.get(item.key.name, item.key.name.replace("_", " "))
        value = item.value.double_value.value
        if _of_class(item.key):
            result.classes.setdefault(labels.name(item.key.sub_key.class_id.value), {})[name] = value
        else:
            mean = ", mean of the labels" if item.key.aggregation_type.WhichOneof("type") else ""
            result.metrics[f"{name}{mean}"] = value
    elif kind == "confusion_matrix_at_thresholds" and not _of_class(item.key):
        for matrix in item.value.confusion_matrix_at_thresholds.matrices[:1]:
            rows = (matrix.true_negatives, matrix.false_positives), (matrix.false_negatives, matrix.true_positives)
            names = [labels.name(0), labels.name(1)]
            result.confusion = Confusion(names, names, rows)
    elif kind == "multi_class_confusion_matrix_at_thresholds":
        for matrix in item.value.multi_class_confusion_matrix_at_thresholds.matrices[:1]:
            result.confusion = _of_entries(matrix.entries, labels)


def _of_entries(entries: Sequence[Any], labels: Labels) -> Confusion:
    counts: dict[tuple[int, int], float] = {}
    for entry in entries:
        place = entry.actual_class_id, entry.predicted_class_id
        counts[place] = counts.get(place, 0.0) + entry.num_weighted_examples
    highest = max((max(place) for place in counts), default=0)
    rows = range(max(len(labels.names), highest + 1))
    columns = [*rows, *([_NO_ANSWER] if any(answer == _NO_ANSWER for _, answer in counts) else [])]
    return Confusion(
        [labels.name(n) for n in rows],
        [labels.name(n) for n in columns],
        [[counts.get((row, column), 0.0) for column in columns] for row in rows],
    )


def _buckets(found: Sequence[Any]) -> Iterator[Bucket]:
    for bucket in found:
        if count := bucket.num_weighted_examples.value:
            yield Bucket(
                low=max(0.0, bucket.lower_threshold_inclusive),
                high=min(1.0, bucket.upper_threshold_exclusive),
                count=count,
                probability=bucket.total_weighted_refined_prediction.value / count,
                share=bucket.total_weighted_label.value / count,
            )
