"""Lays out curves over data dates. Pure; a template draws them."""

import datetime as dt
import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from airflow_bert_service.promotion.events import EventKind
from airflow_bert_service.webui.models.curves.series import Measured, Series

WIDTH, HEIGHT = 1000, 300
"""The size of the drawing, in units of its own: the page stretches it."""
NO_LIMIT = 1.0
"""A distance is never greater: such a limit lets every value pass, and is not drawn."""
_MOST_LINES = 6
_MARGIN = 8
_FINEST = 1e-9
"""The least step of a scale; with :data:`_FINEST_SHARE` it keeps steps apart that numbers of this size can tell."""
_FINEST_SHARE = 1e-6


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """A number's place in the drawing."""

    measured: Measured
    x: float
    y: float


@dataclass(frozen=True, kw_only=True)
class Curve:
    """The numbers of one series, in a drawing."""

    series: Series
    points: tuple[CurvePoint, ...]
    """In the order of the data dates."""
    line: str
    """Path of the promoted candidates' numbers, as SVG's ``d`` has it."""
    band: str
    """Path around their intervals; empty: there are no two of them, or no intervals."""
    limit: str
    """Path of the limits; empty: there are none."""
    ticks: tuple[tuple[float, str], ...]
    """Heights of lines across, with their labels."""
    first: dt.date
    last: dt.date

    @property
    def summary(self) -> str:
        """What the curve shows, in words."""
        values, text = [point.measured.value for point in self.points], self.series.unit.text
        return (
            f"{self.series.name} from {self.first} to {self.last}: {len(values)} candidates, least "
            f"{text(min(values))}, greatest {text(max(values))}, newest {text(values[-1])}"
        )


def curves_of(series: Iterable[Series]) -> tuple[Curve, ...]:
    """Lay out a curve for each series; all of them are over the same data dates."""
    all_of_them = tuple(series)
    days = sorted(one.day for each in all_of_them for one in each.numbers)
    return tuple(_curve(each, days[0], days[-1]) for each in all_of_them)


def _curve(series: Series, first: dt.date, last: dt.date) -> Curve:
    bounds = [bound for one in series.numbers for bound in (one.low, one.high, *_drawn_limit(one))]
    bottom, top, step = _scale(min(bounds), max(bounds))

    def height(value: float) -> float:
        return round(_MARGIN + (top - value) / (top - bottom) * (HEIGHT - 2 * _MARGIN), 1)

    def across(day: dt.date) -> float:
        part = (day - first).days / (last - first).days if last > first else 0.5
        return round(_MARGIN + part * (WIDTH - 2 * _MARGIN), 1)

    points = tuple(CurvePoint(measured=one, x=across(one.day), y=height(one.value)) for one in series.numbers)
    live = [point for point in points if point.measured.event.kind is EventKind.PROMOTED]
    above = [(one.x, height(one.measured.high)) for one in live]
    below = [(one.x, height(one.measured.low)) for one in reversed(live)]
    limits = [[(point.x, height(value)) for value in _drawn_limit(point.measured)] for point in points]
    pieces = (list(piece) for is_drawn, piece in itertools.groupby(limits, bool) if is_drawn)
    lines = [bottom + place * step for place in range(round((top - bottom) / step) + 1)]
    digits = max(0, -math.floor(round(math.log10(step), 9)))
    return Curve(
        series=series,
        points=points,
        line=_path([(one.x, one.y) for one in live]),
        band=f"{_path([*above, *below])}z" if len(live) > 1 and series.has_interval else "",
        limit="".join(_path([place for places in piece for place in places]) for piece in pieces),
        ticks=tuple((height(value), f"{value:,.{digits}f}") for value in lines),
        first=first,
        last=last,
    )


def _drawn_limit(one: Measured) -> tuple[float, ...]:
    return () if one.limit is None or one.limit >= NO_LIMIT else (one.limit,)


def _scale(low: float, high: float) -> tuple[float, float, float]:
    """Return bottom, top and step of a scale around two numbers, with few lines at round numbers."""
    spread = high - low or 0.2 * high or 1.0
    least = max(spread / (_MOST_LINES - 1), _FINEST, _FINEST_SHARE * high)
    power = 10.0 ** math.floor(math.log10(least))
    step = next((times * power for times in (1, 2, 5) if times * power >= least), 10 * power)
    bottom, top = math.floor(low / step) * step, math.ceil(high / step) * step
    return bottom, top if top > bottom else bottom + step, step


def _path(places: Sequence[tuple[float, float]]) -> str:
    return "".join(f"{'L' if number else 'M'}{x:g} {y:g}" for number, (x, y) in enumerate(places))
