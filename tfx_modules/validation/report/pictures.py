"""Draws charts of statistics, as SVG for the report. Shape and hatching repeat what colour shows."""

import contextlib
import io
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from tfx_modules.data import features
from tfx_modules.validation import profile
from tfx_modules.validation.comparison import DataComparison
from tfx_modules.validation.profile import Days, Profile

_INK = "#22303c"
_STYLES: tuple[dict[str, Any], ...] = (
    {"color": "#0b5394", "linestyle": "-", "marker": "o", "linewidth": 2.2},
    {"color": "#c2570c", "linestyle": "--", "marker": "s", "linewidth": 1.5},
    {"color": "#5b6770", "linestyle": ":", "marker": "^", "linewidth": 1.5},
)
_BAR_STYLES: tuple[dict[str, Any], ...] = (
    {"color": "#f2b48a", "hatch": "////"},
    {"color": "#0b5394", "hatch": ""},
    {"color": "#ffffff", "hatch": "xxxx"},
)
_CLASS_STYLES: tuple[dict[str, Any], ...] = (
    *_BAR_STYLES[:2],
    {"color": "#8fc1a9", "hatch": "...."},
    {"color": "#5b2a86", "hatch": ""},
    {"color": "#f6d55c", "hatch": "\\\\\\\\"},
    {"color": "#8c2d19", "hatch": ""},
    {"color": "#a7c7e7", "hatch": "----"},
    {"color": "#3f4b54", "hatch": ""},
)
_OTHERS: dict[str, Any] = {"color": "#dfe3e6", "hatch": "++++"}
_MOST_CLASSES = len(_CLASS_STYLES)
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: it can be searched, and is as sharp as the reader's screen
    "svg.hashsalt": "report",  # the same statistics make the same page
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": _INK,
    "axes.edgecolor": "#9aa5ae",
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "text.parse_math": False,
    "hatch.linewidth": 0.6,
}
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_INCHES = (4.8, 3.2)
"""Width and height: small, so that a telephone shows it whole."""
_MOST_LABELS = 12


def days(counted: Days) -> str:
    """Draw the reviews of each day, by sentiment."""
    names = sorted(day for day in counted if day)
    with _drawing() as (axes, made):
        below = [0] * len(names)
        for name, counts, style in _by_label(counted, names):
            label = f"{name} ({sum(counts):,})"
            axes.bar(range(len(names)), counts, bottom=below, label=label, edgecolor=_INK, linewidth=0.5, **style)
            below = [low + count for low, count in zip(below, counts, strict=True)]
        _name_places(axes, names)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        axes.set_ylim(0, 1.06 * max([1, *below]))
        axes.set_ylabel("reviews")
        _legend(axes, columns=3)
    return made[0]


def _by_label(counted: Days, names: Sequence[str]) -> Iterator[tuple[str, list[int], dict[str, Any]]]:
    """Yield name, counts of the days and style of each label, the most frequent ones of many, and of no label."""
    labels = profile.labels_of(counted)
    columns = [[counted[day].counts[features.SENTIMENT][place] for day in names] for place in range(len(labels) + 1)]
    order = sorted(range(len(labels)), key=lambda place: -sum(columns[place]))
    shown, others = sorted(order[:_MOST_CLASSES]), order[_MOST_CLASSES:]
    for number, place in enumerate(shown):
        yield _shown(labels[place]), columns[place], _CLASS_STYLES[number % len(_CLASS_STYLES)]
    if others:
        sums = [sum(day) for day in zip(*(columns[place] for place in others), strict=True)]
        yield f"{len(others)} other labels", sums, _OTHERS
    yield "no label", columns[-1], _BAR_STYLES[-1]


def balance(counted: Days, champion: Days) -> str:
    """Draw the share of each day's reviews that have the last label, and that of the champion's data as a level."""
    names = sorted(day for day in counted if day)
    with _drawing() as (axes, made):
        axes.plot([_last(counted[day]) for day in names], label="each day", markersize=4, **_STYLES[0])
        if champion and profile.labels_of(champion) == profile.labels_of(counted):
            level, style = _last(profile.add(champion.values())), {**_STYLES[2], "marker": ""}
            axes.axhline(level, label=f"champion's data, {level:.0%}", **style)
        _name_places(axes, names)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_ylim(0, 1.04)
        axes.set_ylabel("share of the day's reviews")
        _legend(axes, columns=2)
    return made[0]


def _last(item: Profile) -> float:
    return item.shares(features.SENTIMENT)[len(item.labels) - 1]


def _shown(label: str) -> str:
    """Return a label for a legend; matplotlib leaves out what begins with an underscore."""
    return f" {label}" if label.startswith("_") else label


def distribution(name: str, sets: Sequence[tuple[str, Profile]]) -> str:
    """Draw the shares of a feature's classes in up to three sets of reviews, the newest first."""
    used = [n for n in range(profile.SIZES[name]) if any(item.counts[name][n] for _, item in sets)]
    places = range(min(used, default=0), max(used, default=0) + 1)
    with _drawing() as (axes, made):
        for place, ((label, item), style) in enumerate(zip(sets, _STYLES, strict=False)):
            shares = item.shares(name)
            # The newest in front: where all sets are alike, it is the one to be seen.
            axes.plot([shares[n] for n in places], label=label, markersize=4, zorder=3 - 0.1 * place, **style)
        _name_places(axes, [profile.class_name(name, n) for n in places])
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_ylim(bottom=0)
        axes.set_ylabel("share of the reviews")
        _legend(axes, columns=1)
    return made[0]


def distances(comparison: DataComparison) -> str:
    """Draw every distance as a bar, and its limit as a mark."""
    items = list(comparison.distances)[::-1]
    with _drawing() as (axes, made):
        for place, item in enumerate(items):
            style = _BAR_STYLES[0 if item.is_too_great else 1]
            axes.barh(place, item.value, height=0.55, edgecolor=_INK, linewidth=0.5, **style)
            axes.plot([item.limit] * 2, [place - 0.4, place + 0.4], color=_INK, linewidth=2)
            text = f"{item.value:.3f}" + (" too great" if item.is_too_great else "")
            axes.annotate(text, (max(item.value, item.limit), place), (5, 0), textcoords="offset points", va="center")
        axes.set_yticks(range(len(items)), [item.feature for item in items])
        widest = max([0.05, *(max(item.value, item.limit) for item in items)])
        axes.set_xlim(0, widest * 1.45)
        axes.set_xlabel("distance; the upright mark is the limit")
    return made[0]


@contextlib.contextmanager
def _drawing() -> Iterator[tuple[Axes, list[str]]]:
    """Open axes to draw on; the list gets the SVG at the end of the context."""
    made: list[str] = []
    with mpl.rc_context(_SETTINGS), warnings.catch_warnings():
        # Texts stay texts, so that the reader's fonts count, and not those of this machine.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        figure = Figure(figsize=_INCHES, layout="constrained")
        axes = figure.add_subplot()
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="both", color="#e3e8ec", linewidth=0.6)
        axes.set_axisbelow(True)
        yield axes, made
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata=_NO_METADATA)
    text = file.getvalue()
    made.append(text[text.index("<svg") :])


def _name_places(axes: Axes, names: Sequence[str]) -> None:
    step = -(-len(names) // _MOST_LABELS)
    # Counted from the end: the newest day has to have its name.
    shown = [n for n in range(len(names)) if (len(names) - 1 - n) % step == 0]
    axes.set_xticks(shown, [names[n] for n in shown], rotation=40, ha="right", rotation_mode="anchor")


def _legend(axes: Axes, *, columns: int) -> None:
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, frameon=False, borderaxespad=0.2)
