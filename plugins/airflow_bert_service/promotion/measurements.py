"""Reads the measurements that an event of the ledger has of candidate and champion. Pure."""

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ACCURACY, EXACT_MATCH = "accuracy", "exact match"
_TOO_LARGE = 2**63
_ENGINES = {"openvino": "OpenVINO", "tensorflow": "TensorFlow"}


@dataclass(frozen=True, kw_only=True)
class Slice:
    """A part of the reviews, and how a model did on it."""

    name: str
    n: int | None
    accuracy: float | None


@dataclass(frozen=True, kw_only=True)
class MeasuredSet:
    """What was measured on one set of reviews; None: the ledger does not have it."""

    name: str
    n: int | None
    """Count of its reviews."""
    accuracy: float | None
    """The candidate's, 0 to 1."""
    champion_accuracy: float | None
    """The accuracy of the version that it was compared with, on the same reviews."""
    auc: float | None
    p: float | None
    """McNemar's test: how probable such a difference is between models that are equally good."""
    verdict: str
    """``better``, ``worse`` or ``no difference``; empty: there was no comparison."""
    only_candidate: int | None
    """Reviews that the candidate alone has right."""
    only_champion: int | None
    slices: tuple[Slice, ...]
    measure: str = ACCURACY
    """What the accuracy is called: ``exact match`` where reviews have any number of labels."""


def measured_sets(metrics: Mapping[str, Any]) -> tuple[MeasuredSet, ...]:
    """Return the sets that a candidate was measured on; what is not of the expected form is left out.

    Args:
        metrics: An event's, as JSON values.
    """
    found = metrics.get("sets")
    return tuple(_set(item) for item in found if isinstance(item, Mapping)) if isinstance(found, list) else ()


def engine(metrics: Mapping[str, Any]) -> str:
    """Return what computed the candidate's answers, as ``OpenVINO (int8)``; empty: the ledger does not have it.

    Args:
        metrics: An event's, as JSON values.
    """
    name, precision = metrics.get("engine"), metrics.get("precision")
    if not isinstance(name, str) or not isinstance(precision, str) or name not in _ENGINES:
        return ""
    return f"{_ENGINES[name]} ({precision})"


@dataclass(frozen=True, kw_only=True)
class FeatureDistance:
    """How far a feature's values in the run's data are from those in others: a Jensen-Shannon divergence, 0 to 1."""

    feature: str
    value: float
    limit: float | None
    """The greatest value that passes; None: the ledger does not have it."""


def distances(metrics: Mapping[str, Any], kind: str) -> tuple[FeatureDistance, ...]:
    """Return the distances of a run's data from others; what is not of the expected form is left out.

    Args:
        metrics: An event's, as JSON values.
        kind: ``drift``, from the day before, or ``skew``, from the data of the version that was in service.
    """
    found = metrics.get("distances")
    features = found.get(kind) if isinstance(found, Mapping) else None
    if not isinstance(features, Mapping):
        return ()
    read = ((str(name), one) for name, one in features.items() if isinstance(one, Mapping))
    values = ((name, number(one.get("value")), number(one.get("limit"))) for name, one in read)
    return tuple(
        FeatureDistance(feature=name, value=value, limit=limit)
        for name, value, limit in values
        if value is not None and 0 <= value <= 1
    )


def rejected_share(metrics: Mapping[str, Any]) -> float | None:
    """Return the share of the data date's rows that could not be used, 0 to 1; None: the ledger does not have it.

    Args:
        metrics: An event's, as JSON values.
    """
    rows = metrics.get("rows")
    if not isinstance(rows, Mapping):
        return None
    used, rejected = whole(rows.get("used")), whole(rows.get("rejected"))
    if used is None or rejected is None or min(used, rejected) < 0 or not used + rejected:
        return None
    return rejected / (used + rejected)


@dataclass(frozen=True, kw_only=True)
class TfLite:
    """What was measured of the model for TFLite, beside the SavedModel on the same reviews; None: it is not known."""

    precision: str
    measured_on: str
    """The reviews' name."""
    n: int | None
    accuracy: float | None
    savedmodel_accuracy: float | None
    latency_ms: float | None
    """Median time from the WordPieces of a text to its scores."""
    savedmodel_latency_ms: float | None
    bytes: int | None
    savedmodel_bytes: int | None


def tflite(metrics: Mapping[str, Any]) -> TfLite | None:
    """Return what was measured of the model for TFLite; None: it was not exported for it.

    Args:
        metrics: An event's, as JSON values.
    """
    found = metrics.get("tflite")
    if not isinstance(found, Mapping):
        return None
    return TfLite(
        precision=str(found.get("precision") or ""),
        measured_on=str(found.get("measured_on") or ""),
        n=whole(found.get("n")),
        accuracy=number(found.get("accuracy")),
        savedmodel_accuracy=number(found.get("savedmodel_accuracy")),
        latency_ms=number(found.get("latency_ms")),
        savedmodel_latency_ms=number(found.get("savedmodel_latency_ms")),
        bytes=whole(found.get("bytes")),
        savedmodel_bytes=whole(found.get("savedmodel_bytes")),
    )


@dataclass(frozen=True, kw_only=True)
class Answered:
    """Who answered the request for approval of a candidate, when, and with which words."""

    by: str
    at: dt.datetime
    comment: str


def answered(metrics: Mapping[str, Any]) -> Answered | None:
    """Return who answered the request for approval; None: nobody was asked, or the values are of another form.

    Args:
        metrics: An event's, as JSON values.
    """
    found = metrics.get("approval")
    if not isinstance(found, Mapping):
        return None
    try:
        at = dt.datetime.fromisoformat(str(found.get("at")))
    except ValueError:
        return None
    if at.tzinfo is None:
        return None
    return Answered(by=str(found.get("by") or ""), at=at, comment=str(found.get("comment") or ""))


def whole(value: Any) -> int | None:
    """Return a JSON value that is a whole number below 2^63; None: it is another."""
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _TOO_LARGE else None


def number(value: Any) -> float | None:
    """Return a JSON value that is a finite number; None: it is another."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return None if whole(value) is None else float(value)


def _set(item: Mapping[str, Any]) -> MeasuredSet:
    slices = item.get("slices")
    return MeasuredSet(
        name=str(item.get("name") or "a set without a name"),
        n=whole(item.get("n")),
        accuracy=number(item.get("accuracy")),
        champion_accuracy=number(item.get("champion_accuracy")),
        auc=number(item.get("auc")),
        p=number(item.get("p")),
        verdict=str(item.get("verdict") or ""),
        only_candidate=whole(item.get("only_candidate")),
        only_champion=whole(item.get("only_champion")),
        slices=tuple(_slice(name, part) for name, part in slices.items()) if isinstance(slices, Mapping) else (),
        measure=measure(item),
    )


def measure(item: Mapping[str, Any]) -> str:
    """Return what a measured set's accuracy is called.

    Args:
        item: One of an event's ``sets``, as JSON values.
    """
    return EXACT_MATCH if item.get("measure") == EXACT_MATCH else ACCURACY


def _slice(name: object, part: Any) -> Slice:
    values = part if isinstance(part, Mapping) else {}
    return Slice(name=str(name), n=whole(values.get("n")), accuracy=number(values.get("accuracy")))
