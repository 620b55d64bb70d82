"""Draws charts as SVG for a report's page. Shape, line and hatching repeat what colour shows.

Colours are written as CSS variables with the colour of a light page as their default; the page's style sets them for a
dark one.
"""

import contextlib
import io
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

INK = "#22303c"
STYLES: tuple[dict[str, Any], ...] = (
    {"color": "#0b5394", "linestyle": "-", "marker": "o", "linewidth": 2.2},
    {"color": "#c2570c", "linestyle": "--", "marker": "s", "linewidth": 1.5},
    {"color": "#5b6770", "linestyle": ":", "marker": "^", "linewidth": 1.5},
)
"""Of lines: what is looked at, what it is compared with, and a third."""
BAR_STYLES: tuple[dict[str, Any], ...] = (
    {"color": "#f2b48a", "hatch": "////"},
    {"color": "#0b5394", "hatch": ""},
    {"color": "#ffffff", "hatch": "xxxx"},
)
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: it can be searched, and is as sharp as the reader's screen
    "svg.hashsalt": "report",  # the same numbers make the same page
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": "#9aa5ae",
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.parse_math": False,
    "hatch.linewidth": 0.6,
}
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_INCHES = (4.8, 3.2)
"""Width and height: small, so that a telephone shows it whole."""
MOST_ROWS = 40
"""Rows of a chart of values."""
_MOST_LABELS = 12
_LONGEST_NAME = 26
_MOST_MARKED = 40
"""Points of a line that have a mark each."""
_STYLED = re.compile(r"(fill|stroke): #([0-9a-f]{6})")
_ATTRIBUTE = re.compile(r'(fill|stroke)="#([0-9a-f]{6})"')


@dataclass(frozen=True)
class Line:
    """A line of a chart."""

    name: str
    """For the legend."""
    points: Sequence[tuple[float, float]]
    """x and y of each."""


@dataclass(frozen=True)
class Row:
    """A row of a chart of values."""

    name: str
    values: Sequence[float | None]
    """One for each series; None: it has none."""


def lines(drawn: Sequence[Line], across: str, up: str, *, is_share: bool = False) -> str:
    """Draw up to three lines.

    Args:
        drawn: one at least, what is looked at first.
        across: name of x.
        up: name of y.
        is_share: whether y is a share, 0 to 1, which is shown in percent.
    """
    with drawing() as (axes, made):
        for place, (line, style) in enumerate(zip(drawn, STYLES, strict=False)):
            marker = style["marker"] if len(line.points) <= _MOST_MARKED else ""
            options = {**style, "marker": marker, "markersize": 4, "zorder": 3 - 0.1 * place}
            axes.plot(*zip(*line.points, strict=True), label=legend_name(line.name), **options)
        if is_share:
            axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
            axes.set_ylim(*_within_shares(axes.get_ylim()))
            _show_whole_marks(axes)
        if all(x == int(x) for line in drawn for x, _ in line.points):
            axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
        axes.set_xlabel(across)
        axes.set_ylabel(up)
        legend(axes, columns=3)
    return made[0]


def calibration(drawn: Sequence[Line], across: str, up: str) -> str:
    """Draw up to two lines of shares against probabilities, beside the diagonal where both are equal."""
    with drawing() as (axes, made):
        axes.plot([0, 1], [0, 1], label="equal", **{**STYLES[2], "marker": ""})
        for line, style in zip(drawn, STYLES[:2], strict=False):
            axes.plot(*zip(*line.points, strict=True), label=legend_name(line.name), markersize=4, **style)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel(across)
        axes.set_ylabel(up)
        legend(axes, columns=3)
    return made[0]


def values(series: Sequence[str], rows: Sequence[Row], across: str, *, is_share: bool = False) -> str:
    """Draw a mark for each value of each row, on lines from left to right.

    Args:
        series: names of up to three; the first is what is looked at.
        rows: from top to bottom; the first 40 are drawn.
        across: name of the values.
        is_share: whether the values are shares, 0 to 1.
    """
    rows = rows[:MOST_ROWS]
    with drawing(height=max(_INCHES[1] * 0.6, 0.9 + 0.28 * len(rows))) as (axes, made):
        places = range(len(rows) - 1, -1, -1)
        for number, (name, style) in enumerate(zip(series, STYLES, strict=False)):
            found = [
                (value, place)
                for row, place in zip(rows, places, strict=True)
                if (value := row.values[number]) is not None
            ]
            options = {**style, "linestyle": "", "markersize": 8 if number == 0 else 6, "zorder": 4 - 0.1 * number}
            axes.plot([x for x, _ in found], [y for _, y in found], label=legend_name(name), **options)
        axes.set_yticks(list(places), [_short(row.name) for row in rows])
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.margins(x=0.08)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
        if is_share:
            axes.set_xlim(*_within_shares(axes.get_xlim()))
            _show_whole_marks(axes)
        axes.set_xlabel(across)
        legend(axes, columns=3)
    return made[0]


@contextlib.contextmanager
def drawing(height: float = _INCHES[1]) -> Iterator[tuple[Axes, list[str]]]:
    """Open axes to draw on; the list gets the SVG at the end of the context."""
    made: list[str] = []
    with mpl.rc_context(_SETTINGS), warnings.catch_warnings():
        # Texts stay texts, so that the reader's fonts count, and not those of this machine.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        figure = Figure(figsize=(_INCHES[0], height), layout="constrained")
        figure.patch.set_visible(False)  # the page's own ground
        axes = figure.add_subplot()
        axes.patch.set_visible(False)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="both", color="#e3e8ec", linewidth=0.6)
        axes.set_axisbelow(True)
        yield axes, made
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata=_NO_METADATA)
    text = file.getvalue()
    made.append(_with_variables(text[text.index("<svg") :]))


def _with_variables(svg: str) -> str:
    """Replace colours by CSS variables, ``#0b5394`` by ``var(--c0b5394, #0b5394)``."""
    styled = _STYLED.sub(r"\1: var(--c\2, #\2)", svg)
    return _ATTRIBUTE.sub(r'style="\1: var(--c\2, #\2)"', styled)


def _short(name: str) -> str:
    """Cut a name that would leave no room for the picture; the table below the picture has all of it."""
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}\N{HORIZONTAL ELLIPSIS}"


def _within_shares(limits: tuple[float, float]) -> tuple[float, float]:
    """Return the limits of an axis of shares: there is no share below 0 or above 1."""
    return max(0.0, limits[0]), min(1.0, limits[1])


def _show_whole_marks(axes: Axes) -> None:
    """Show marks at the end of an axis whole."""
    for line in axes.lines:
        line.set_clip_on(False)


def name_places(axes: Axes, names: Sequence[str]) -> None:
    """Name the places 0, 1, ... of x; of many, some."""
    step = -(-len(names) // _MOST_LABELS)
    # Counted from the end: the newest day has to have its name.
    named = [n for n in range(len(names)) if (len(names) - 1 - n) % step == 0]
    axes.set_xticks(named, [names[n] for n in named], rotation=40, ha="right", rotation_mode="anchor")


def legend(axes: Axes, *, columns: int) -> None:
    """Put the legend above the axes."""
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, frameon=False, borderaxespad=0.2)


def legend_name(label: str) -> str:
    """Return a label for a legend; matplotlib leaves out what begins with an underscore."""
    return f" {label}" if label.startswith("_") else label
