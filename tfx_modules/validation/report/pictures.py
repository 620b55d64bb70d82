"""Draws charts of statistics, as SVG for the report. Shape and hatching repeat what colour shows."""

from collections.abc import Iterator, Sequence
from typing import Any

from matplotlib.ticker import MaxNLocator, PercentFormatter

from tfx_modules.data import features
from tfx_modules.report_page.drawing import BAR_STYLES, INK, STYLES, drawing, legend, legend_name, name_places
from tfx_modules.validation import profile
from tfx_modules.validation.comparison import DataComparison
from tfx_modules.validation.profile import Days, Profile

CLASS_STYLES: tuple[dict[str, Any], ...] = (
    *BAR_STYLES[:2],
    {"color": "#8fc1a9", "hatch": "...."},
    {"color": "#5b2a86", "hatch": ""},
    {"color": "#f6d55c", "hatch": "\\\\\\\\"},
    {"color": "#8c2d19", "hatch": ""},
    {"color": "#a7c7e7", "hatch": "----"},
    {"color": "#3f4b54", "hatch": ""},
)
OTHERS: dict[str, Any] = {"color": "#dfe3e6", "hatch": "++++"}
_MOST_CLASSES = len(CLASS_STYLES)


def days(counted: Days) -> str:
    """Draw the reviews of each day, by sentiment."""
    names = sorted(day for day in counted if day)
    with drawing() as (axes, made):
        below = [0] * len(names)
        for name, counts, style in _by_label(counted, names):
            label = f"{name} ({sum(counts):,})"
            axes.bar(range(len(names)), counts, bottom=below, label=label, edgecolor=INK, linewidth=0.5, **style)
            below = [low + count for low, count in zip(below, counts, strict=True)]
        name_places(axes, names)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        axes.set_ylim(0, 1.06 * max([1, *below]))
        axes.set_ylabel("labels of reviews" if profile.has_sets(counted) else "reviews")
        legend(axes, columns=3)
    return made[0]


def _by_label(counted: Days, names: Sequence[str]) -> Iterator[tuple[str, list[int], dict[str, Any]]]:
    """Yield name, counts of the days and style of each label, the most frequent ones of many, and of no label."""
    labels = profile.labels_of(counted)
    columns = [[counted[day].counts[features.SENTIMENT][place] for day in names] for place in range(len(labels) + 1)]
    order = sorted(range(len(labels)), key=lambda place: -sum(columns[place]))
    shown, others = sorted(order[:_MOST_CLASSES]), order[_MOST_CLASSES:]
    for number, place in enumerate(shown):
        yield legend_name(labels[place]), columns[place], CLASS_STYLES[number % len(CLASS_STYLES)]
    if others:
        sums = [sum(day) for day in zip(*(columns[place] for place in others), strict=True)]
        yield f"{len(others)} other labels", sums, OTHERS
    yield "no label", columns[-1], BAR_STYLES[-1]


def balance(counted: Days, champion: Days) -> str:
    """Draw the share of each day's reviews that have the last label, and that of the champion's data as a level."""
    names = sorted(day for day in counted if day)
    with drawing() as (axes, made):
        axes.plot([_last(counted[day]) for day in names], label="each day", markersize=4, **STYLES[0])
        if champion and profile.labels_of(champion) == profile.labels_of(counted):
            level, style = _last(profile.add(champion.values())), {**STYLES[2], "marker": ""}
            axes.axhline(level, label=f"champion's data, {level:.0%}", **style)
        name_places(axes, names)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_ylim(0, 1.04)
        axes.set_ylabel("share of the day's reviews")
        legend(axes, columns=2)
    return made[0]


def _last(item: Profile) -> float:
    return item.shares(features.SENTIMENT)[len(item.labels) - 1]


def distribution(name: str, sets: Sequence[tuple[str, Profile]]) -> str:
    """Draw the shares of a feature's classes in up to three sets of reviews, the newest first."""
    used = [n for n in range(profile.SIZES[name]) if any(item.counts[name][n] for _, item in sets)]
    places = range(min(used, default=0), max(used, default=0) + 1)
    with drawing() as (axes, made):
        for place, ((label, item), style) in enumerate(zip(sets, STYLES, strict=False)):
            shares = item.shares(name)
            # The newest in front: where all sets are alike, it is the one to be seen.
            axes.plot([shares[n] for n in places], label=label, markersize=4, zorder=3 - 0.1 * place, **style)
        name_places(axes, [profile.class_name(name, n) for n in places])
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_ylim(bottom=0)
        axes.set_ylabel("share of the reviews")
        legend(axes, columns=1)
    return made[0]


def distances(comparison: DataComparison) -> str:
    """Draw every distance as a bar, and its limit as a mark."""
    items = list(comparison.distances)[::-1]
    with drawing() as (axes, made):
        for place, item in enumerate(items):
            style = BAR_STYLES[0 if item.is_too_great else 1]
            axes.barh(place, item.value, height=0.55, edgecolor=INK, linewidth=0.5, **style)
            axes.plot([item.limit] * 2, [place - 0.4, place + 0.4], color=INK, linewidth=2)
            text = f"{item.value:.3f}" + (" too great" if item.is_too_great else "")
            axes.annotate(text, (max(item.value, item.limit), place), (5, 0), textcoords="offset points", va="center")
        axes.set_yticks(range(len(items)), [legend_name(item.name) for item in items])
        widest = max([0.05, *(max(item.value, item.limit) for item in items)])
        axes.set_xlim(0, widest * 1.45)
        axes.set_xlabel("distance; the upright mark is the limit")
    return made[0]
