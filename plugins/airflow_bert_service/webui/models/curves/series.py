"""Gathers series of numbers over data dates from the ledger's verdicts. Pure; knows nothing of drawing."""

import datetime as dt
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from airflow_bert_service.promotion.events import PromotionEvent
from airflow_bert_service.promotion.measurements import distances, measured_sets, number, rejected_share

NORMAL_95 = 1.959964
"""The standard normal distribution's quantile that 95 % are within."""
MOST_SERIES = 20
"""Series of a topic that are shown."""
_LARGEST = 1e15


class Topic(str, Enum):
    """What a page of curves is about; the value is in its address."""

    ACCURACY = "accuracy"
    """How often candidates were right, on each set of reviews."""
    MODEL = "model"
    """Size, time for a review, and time of training."""
    DATA = "data"
    """Rejected rows of the data date, and its distance from the day before."""
    SKEW = "skew"
    """Distance of the window's data from those of the model that was in service."""

    @property
    def heading(self) -> str:
        """The topic in words."""
        return _TITLES[self]


_TITLES: Mapping[Topic, str] = {
    Topic.ACCURACY: "Accuracy",
    Topic.MODEL: "Size and speed",
    Topic.DATA: "Rejected rows and drift",
    Topic.SKEW: "Skew",
}


@dataclass(frozen=True, kw_only=True)
class Unit:
    """How numbers of a series are written."""

    name: str = ""
    """Behind the number; empty: it has none."""
    digits: int = 3

    def text(self, value: float) -> str:
        """Write a number."""
        written = f"{value:,.{self.digits}f}"
        return f"{written} {self.name}" if self.name else written


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A number of one verdict, in the series' unit."""

    event: PromotionEvent
    day: dt.date
    """The data date."""
    value: float
    low: float
    """Lower end of its 95 % interval; the number itself where there is none."""
    high: float
    n: int | None = None
    """The count of reviews that it was measured on; None: not known."""
    limit: float | None = None
    """The greatest value that passes; None: there is no limit."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """Numbers of one kind, in the order of their data dates."""

    name: str
    what: str
    """What a number is, for the head of a table's column."""
    unit: Unit
    numbers: tuple[Measured, ...]

    @property
    def has_interval(self) -> bool:
        """Whether numbers have an interval: those of samples of reviews."""
        return any(one.n is not None for one in self.numbers)

    @property
    def has_limit(self) -> bool:
        """Whether numbers have a limit."""
        return any(one.limit is not None for one in self.numbers)


def series_of(topic: Topic, events: Iterable[PromotionEvent]) -> tuple[Series, ...]:
    """Gather the series of a topic.

    Args:
        topic: What they are about.
        events: Verdicts; of those without a data date or without a number, none is shown.
    """
    read, found = _READERS[topic], dict[str, tuple[str, Unit, list[Measured]]]()
    for event in sorted(events, key=lambda one: (one.data_date or dt.date.min, one.position)):
        if event.data_date is None:
            continue
        for name, what, unit, values in read(event.metrics):
            _, _, numbers = found.setdefault(name, (what, unit, []))
            numbers.append(Measured(event=event, day=event.data_date, **values))
    first = list(found.items())[:MOST_SERIES]
    return tuple(
        Series(name=name, what=what, unit=unit, numbers=tuple(numbers)) for name, (what, unit, numbers) in first
    )


def interval(accuracy: float, n: int) -> tuple[float, float]:
    """Return the 95 % interval of an accuracy: Wilson's, as in Brown, Cai and DasGupta (2001).

    Args:
        accuracy: 0 to 1.
        n: The count of reviews, 1 or more.
    """
    z2 = NORMAL_95**2
    middle = (accuracy + z2 / (2 * n)) / (1 + z2 / n)
    half = NORMAL_95 / (1 + z2 / n) * math.sqrt(accuracy * (1 - accuracy) / n + z2 / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


_Found = tuple[str, str, Unit, dict[str, Any]]


def _accuracies(metrics: Mapping[str, Any]) -> Iterator[_Found]:
    for one in measured_sets(metrics):
        if one.accuracy is not None and 0 <= one.accuracy <= 1:
            n = one.n if one.n and one.n > 0 else None
            low, high = interval(one.accuracy, n) if n else (one.accuracy, one.accuracy)
            yield one.name, one.measure.capitalize(), Unit(), {"value": one.accuracy, "low": low, "high": high, "n": n}


def _of_model(metrics: Mapping[str, Any]) -> Iterator[_Found]:
    yield from _plain("Size", Unit(name="MB", digits=1), metrics.get("bytes"), 1e-6)
    yield from _plain("Time for a review", Unit(name="ms", digits=1), metrics.get("latency_ms"))
    yield from _plain("Time of training", Unit(name="min", digits=1), metrics.get("training_seconds"), 1 / 60)


def _of_data(metrics: Mapping[str, Any]) -> Iterator[_Found]:
    yield from _plain("Rejected rows", Unit(name="%", digits=2), rejected_share(metrics), 100)
    yield from _distances("drift", "Drift of {}", metrics)


def _of_skew(metrics: Mapping[str, Any]) -> Iterator[_Found]:
    yield from _distances("skew", "Skew of {}", metrics)


def _plain(name: str, unit: Unit, value: Any, factor: float = 1.0) -> Iterator[_Found]:
    found = number(value)
    if found is not None and 0 <= found <= _LARGEST:
        value = found * factor
        yield name, name, unit, {"value": value, "low": value, "high": value}


def _distances(kind: str, name: str, metrics: Mapping[str, Any]) -> Iterator[_Found]:
    for one in distances(metrics, kind):
        values = {"value": one.value, "low": one.value, "high": one.value, "limit": one.limit}
        yield name.format(one.feature.replace("_", " ")), "Distance", Unit(digits=4), values


_READERS: Mapping[Topic, Callable[[Mapping[str, Any]], Iterator[_Found]]] = {
    Topic.ACCURACY: _accuracies,
    Topic.MODEL: _of_model,
    Topic.DATA: _of_data,
    Topic.SKEW: _of_skew,
}
