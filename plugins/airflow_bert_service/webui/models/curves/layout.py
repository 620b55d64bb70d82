"""Lays out curves over data dates: the accuracy of candidates, with its interval. Pure; a template draws them."""

import datetime as dt
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from airflow_bert_service.promotion.events import EventKind, PromotionEvent
from airflow_bert_service.promotion.measurements import MeasuredSet, measured_sets

WIDTH, HEIGHT = 1000, 300
"""The size of the drawing, in units of its own: the page stretches it."""
NORMAL_95 = 1.959964
"""The standard normal distribution's quantile that 95 % are within."""
_STEPS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
_MOST_LINES = 6
_MARGIN = 8


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """A candidate's accuracy on one set of reviews."""

    event: PromotionEvent
    measured: MeasuredSet
    accuracy: float
    low: float
    """Lower end of the accuracy's 95 % interval; the accuracy itself where the count of reviews is not known."""
    high: float
    x: float = 0.0
    y: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Curve:
    """The accuracies on one set of reviews."""

    name: str
    points: tuple[CurvePoint, ...]
    """In the order of the data dates."""
    line: str
    """Path of the promoted candidates' accuracies, as SVG's ``d`` has it."""
    band: str
    """Path around their intervals; empty: there are no two of them."""
    ticks: tuple[tuple[float, str], ...]
    """Heights of lines across, with their labels."""
    first: dt.date
    last: dt.date


def curves_of(events: Iterable[PromotionEvent]) -> tuple[Curve, ...]:
    """Lay out a curve for each set of reviews that candidates were measured on.

    Args:
        events: Verdicts; those without data date or measurements are left out.
    """
    by_set: dict[str, list[CurvePoint]] = {}
    for event in events:
        for measured in measured_sets(event.metrics) if event.data_date else ():
            if measured.accuracy is not None and 0 <= measured.accuracy <= 1:
                by_set.setdefault(measured.name, []).append(_point(event, measured, measured.accuracy))
    return tuple(_curve(name, sorted(points, key=_order)) for name, points in by_set.items())


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


def _point(event: PromotionEvent, measured: MeasuredSet, accuracy: float) -> CurvePoint:
    low, high = interval(accuracy, measured.n) if measured.n and measured.n > 0 else (accuracy, accuracy)
    return CurvePoint(event=event, measured=measured, accuracy=accuracy, low=low, high=high)


def _order(point: CurvePoint) -> tuple[dt.date, int]:
    return point.event.data_date or dt.date.min, point.event.position


def _curve(name: str, points: Sequence[CurvePoint]) -> Curve:
    days = [_order(point)[0] for point in points]
    first, last = days[0], days[-1]
    bottom, top, step = _scale(min(point.low for point in points), max(point.high for point in points))

    def height(value: float) -> float:
        return round(_MARGIN + (top - value) / (top - bottom) * (HEIGHT - 2 * _MARGIN), 1)

    def across(day: dt.date) -> float:
        part = (day - first).days / (last - first).days if last > first else 0.5
        return round(_MARGIN + part * (WIDTH - 2 * _MARGIN), 1)

    placed = tuple(
        CurvePoint(**{**vars(point), "x": across(day), "y": height(point.accuracy)})
        for point, day in zip(points, days, strict=True)
    )
    live = [point for point in placed if point.event.kind is EventKind.PROMOTED]
    around = [*((one.x, height(one.high)) for one in live), *((one.x, height(one.low)) for one in reversed(live))]
    count = round((top - bottom) / step)
    lines = [bottom + number * step for number in range(count + 1)]
    return Curve(
        name=name,
        points=placed,
        line=_path([(one.x, one.y) for one in live]),
        band=f"{_path(around)}z" if len(live) > 1 else "",
        ticks=tuple((height(value), f"{value:.3f}".rstrip("0").ljust(4, "0")) for value in lines),
        first=first,
        last=last,
    )


def _scale(low: float, high: float) -> tuple[float, float, float]:
    """Return bottom, top and step of a scale around two values, with few lines at round numbers."""
    step = next((step for step in _STEPS if (high - low) / step <= _MOST_LINES - 1), _STEPS[-1])
    bottom, top = math.floor(low / step) * step, math.ceil(high / step) * step
    return bottom, top if top > bottom else bottom + step, step


def _path(places: Sequence[tuple[float, float]]) -> str:
    return "".join(f"{'L' if number else 'M'}{x:g} {y:g}" for number, (x, y) in enumerate(places))
