"""Renders what several pages show."""

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from tfx_modules.report_page import document, drawing
from tfx_modules.report_page.document import NUMBER

CANDIDATE = "this model"
CHAMPION = "model in service"


def value_text(value: object) -> str:
    """Return a JSON value for people."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, int):
        return f"{value:,}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def settings(values: Mapping[str, object]) -> str:
    """Render settings with their values."""
    rows = [(f"<code>{escape(name)}</code>", escape(value_text(value))) for name, value in values.items()]
    return document.table((("Setting", ""), ("Value", "")), rows)


def side_by_side(what: str, rows: Iterable[tuple[str, float | None, float | None]], *, has_champion: bool) -> str:
    """Render a metric a row: this model's, the champion's and their difference.

    Args:
        what: name of the first column.
        rows: name and both values; None where a model has none.
        has_champion: whether there is a champion; else its columns are left out.
    """
    columns = [(what, ""), (CANDIDATE, NUMBER)]
    columns += [(CHAMPION, NUMBER), ("difference", NUMBER)] if has_champion else []
    cells = []
    for name, ours, theirs in rows:
        row = [escape(name), metric(name, ours)]
        if has_champion:
            row += [metric(name, theirs), difference(name, ours, theirs)]
        cells.append(row)
    return document.table(columns, cells)


def metric(name: str, value: float | None) -> str:
    """Format a metric's value; one that counts has no decimals."""
    return document.number(value, 0 if _counts(name) else 3)


def difference(name: str, ours: float | None, theirs: float | None) -> str:
    """Format how much greater ours is."""
    if ours is None or theirs is None or _counts(name):
        return document.NONE if not _counts(name) else ""
    text = document.number(ours - theirs)
    return text if text.startswith(("-", document.NONE)) else f"+{text}"


def _counts(name: str) -> bool:
    return name in ("examples", "reviews")


def accuracy_of_slices(rows: Sequence[drawing.Row], series: Sequence[str], measure: str = "accuracy") -> str:
    """Render a picture of the accuracy, or what it is called, on each slice, with its numbers."""
    columns = (("slice", ""), *((name, NUMBER) for name in series))
    numbers = [(escape(row.name), *map(document.number, row.values)) for row in rows]
    svg = drawing.values(series, rows, measure, is_share=True)
    return document.figure(
        first_of(f"{measure.capitalize()} by slice", len(rows)), svg, document.table(columns, numbers)
    )


def first_of(caption: str, count: int) -> str:
    """Return the caption of a chart of values; where it has not all of them, it says so."""
    left = count - drawing.MOST_ROWS
    return f"{caption}; {left:,} further are not shown" if left > 0 else caption
