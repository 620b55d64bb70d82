"""Merges TFDV's anomalies of all splits into one list, with the numbers that TFDV leaves out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

from tfx_modules.validation.verdict import Anomaly

_MISSING = frozenset(
    {
        "FEATURE_TYPE_LOW_FRACTION_PRESENT",
        "FEATURE_TYPE_LOW_NUMBER_PRESENT",
        "FEATURE_TYPE_NOT_PRESENT",
        "FEATURE_TYPE_NO_VALUES",
        "SCHEMA_MISSING_COLUMN",
    }
)
"""Kinds of anomalies for missing values, of which TFDV reports at most a share."""


@dataclass(frozen=True)
class Split:
    """TFDV's anomalies of a split, and the statistics that they were found in."""

    name: str
    anomalies: anomalies_pb2.Anomalies
    statistics: statistics_pb2.DatasetFeatureStatisticsList


def read(splits: Iterable[Split]) -> list[Anomaly]:
    """List the anomalies: by feature, and each kind once, although several splits may have it."""
    splits = list(splits)
    found: dict[tuple[str, str], dict[str, str]] = {}
    for split in splits:
        for feature, kind, text in _reasons(split.anomalies):
            found.setdefault((feature, kind), {})[split.name] = text
    return [
        Anomaly(kind, feature, _text(feature, kind, texts, splits)) for (feature, kind), texts in sorted(found.items())
    ]


def _reasons(anomalies: anomalies_pb2.Anomalies) -> Iterable[tuple[str, str, str]]:
    """Yield feature, kind and text; a feature may have several."""
    infos = list(anomalies.anomaly_info.items())
    if anomalies.HasField("dataset_anomaly_info"):
        infos.append(("", anomalies.dataset_anomaly_info))
    for feature, info in infos:
        for reason in info.reason:
            kind = anomalies_pb2.AnomalyInfo.Type.Name(reason.type)
            yield feature, kind, " ".join((reason.description or reason.short_description).split())
    if anomalies.data_missing:
        yield "", "NO_DATA_IN_SPAN", "there is no data"


def _text(feature: str, kind: str, texts: Mapping[str, str], splits: list[Split]) -> str:
    if kind in _MISSING:
        counts = [_missing(feature, split.statistics) for split in splits]
        return f"{feature} missing in {sum(lacking for lacking, _ in counts):,} of {sum(of for _, of in counts):,} rows"
    described = [f"{text.rstrip('.')} ({name})" for name, text in texts.items()]
    return f"{feature or 'data'}: {'; '.join(described)}"


def _missing(feature: str, statistics: statistics_pb2.DatasetFeatureStatisticsList) -> tuple[int, int]:
    """Return how many rows of a split lack the feature, and how many there are."""
    rows, present = 0, 0
    for dataset in statistics.datasets[:1]:  # none of a split without rows
        rows = dataset.num_examples
        for item in dataset.features:
            if list(item.path.step) == [feature]:
                present = getattr(item, item.WhichOneof("stats")).common_stats.num_non_missing
    return rows - present, rows
