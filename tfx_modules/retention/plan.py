"""The items that retention removes, with reasons, as data and as a table."""

import datetime as dt
import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_COLUMNS = ("KIND", "WHAT", "AGE", "SIZE", "WHY")
_UNITS = ("B", "KB", "MB", "GB", "TB")
_ONE_DAY = dt.timedelta(days=1)


class ItemKind(enum.StrEnum):
    """The kind of a retention item."""

    VERSION = "version"
    """A model's folder, served or withdrawn."""
    STAGING = "staging"
    """A staged copy that an interrupted push has left."""
    RUN = "run"
    """A run's artifacts, and its rows in ML Metadata."""
    LEFTOVER = "leftover"
    """Files in the pipeline's folder that no execution in ML Metadata has made."""
    SPAN = "span"
    """A day of reviews, or a version of one."""
    REFUSED = "refused"
    """The list of rows of a day that was refused."""
    SCORES = "scores"
    """The scores of a day."""
    LOG = "log"
    """Log files of one folder."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """A retention item: something that is removed."""

    kind: ItemKind
    name: str
    """It tells the item from others of its kind."""
    age: dt.timedelta
    size: int
    """Bytes."""
    reason: str
    """Why it is removed."""
    paths: tuple[Path, ...] = ()
    """Its files and folders."""
    ids: tuple[int, ...] = ()
    """Of a version: its number; of a run: its executions."""
    count: int = 1
    """How many things it is, for the share that may go at once: folders, versions of a day, files."""

    def to_json(self) -> dict[str, Any]:
        """Return the item's JSON values."""
        fields = {"kind": self.kind.value, "what": self.name, "age_days": round(self.age / _ONE_DAY, 2)}
        return {**fields, "bytes": self.size, "why": self.reason}


def totals(items: Iterable[Item]) -> dict[str, dict[str, int]]:
    """Add up items by kind, and all together (``all``): their number (``count``) and ``bytes``."""
    found: dict[str, dict[str, int]] = {}
    for item in items:
        for name in (item.kind.value, "all"):
            total = found.setdefault(name, {"count": 0, "bytes": 0})
            total["count"] += 1
            total["bytes"] += item.size
    every = found.pop("all", {"count": 0, "bytes": 0})
    return {**found, "all": every}


def table(items: Sequence[Item], *, dry_run: bool, objections: Iterable[str] = ()) -> str:
    """Format items as a table, with the totals below, and with why they would not be removed."""
    if not items:
        return "There is nothing to remove." if dry_run else "There was nothing to remove."
    rows = [_COLUMNS, *map(_row, items)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS) - 1)]
    # The last column is not padded.
    cells = [[cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=True)] for row in rows]
    lines = ["  ".join([*line, row[-1]]) for line, row in zip(cells, rows, strict=True)]
    refused = [f"Retention would refuse to: {text}" for text in objections]
    return "\n".join([*lines, "", _summary(items, dry_run=dry_run), *refused])


def _summary(items: Sequence[Item], *, dry_run: bool) -> str:
    found = totals(items)
    every = found.pop("all")
    parts = [f"{name} {total['count']} ({size_text(total['bytes'])})" for name, total in found.items()]
    word = "Would remove" if dry_run else "Removed"
    return f"{word}: {', '.join(parts)}; {size_text(every['bytes'])} in all."


def _row(item: Item) -> tuple[str, ...]:
    return (item.kind.value, item.name, f"{item.age / _ONE_DAY:.1f} d", size_text(item.size), item.reason)


def size_text(size: int) -> str:
    """Write bytes for people: ``86.9 MB`` (1 MB is a million bytes)."""
    number, units = float(size), iter(_UNITS)
    unit = next(units)
    while number >= 1000 and unit != _UNITS[-1]:
        number, unit = number / 1000, next(units)
    return f"{size} B" if unit == "B" else f"{number:.1f} {unit}"
