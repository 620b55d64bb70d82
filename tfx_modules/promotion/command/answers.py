"""What the commands work with, and how they answer."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tfx_modules.promotion.events import Event
from tfx_modules.promotion.ledger import Ledger
from tfx_modules.promotion.repository import ModelRepository

_COLUMNS = ("WHEN (UTC)", "WHAT", "VERSION", "DATA DATE", "WHO", "WHY")


@dataclass(frozen=True)
class CommandContext:
    """The ledger and the folders that a command is about."""

    ledger: Ledger
    repository: ModelRepository


@dataclass(frozen=True)
class Answer:
    """What a command found or did, for programs and for people."""

    value: Any
    """JSON values."""
    text: str
    found: bool = True
    """Whether there was anything of what was asked for."""


def moment(when: dt.datetime) -> str:
    """Write a moment to the second."""
    return when.astimezone(dt.timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def line(event: Event) -> str:
    """Tell an event in a line, as logs and notes do: ``blocked: accuracy 0.861 < ...``."""
    version = f" {event.version}" if event.version else ""
    return f"{event.kind.value}{version}: {event.reason}"


def table(events: Iterable[Event]) -> str:
    """Write events as a table, one line each."""
    rows = [_COLUMNS, *map(_row, events)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS) - 1)]
    # The last column is as wide as it is.
    cells = [[cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=True)] for row in rows]
    return "\n".join("  ".join([*line, row[-1]]) for line, row in zip(cells, rows, strict=True))


def _row(event: Event) -> tuple[str, ...]:
    day = str(event.run.data_date) if event.run else ""
    return (moment(event.at), event.kind.value, str(event.version or ""), day, event.actor, event.reason)
