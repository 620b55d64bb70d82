"""The context of the commands, and their answers as JSON and as text."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tfx_modules.promotion.events import Event
from tfx_modules.promotion.ledger import Ledger
from tfx_modules.promotion.repository import ModelRepository

_COLUMNS = ("WHEN (UTC)", "WHAT", "VERSION", "DATA DATE", "WHO", "PIPELINE", "WHY")


@dataclass(frozen=True)
class CommandContext:
    """The ledger and the model repository that a command works on."""

    ledger: Ledger
    repository: ModelRepository


@dataclass(frozen=True)
class Answer:
    """A command's answer, for programs and for people."""

    value: Any
    """JSON values."""
    text: str
    found: bool = True
    """Whether the command found or did what was asked."""


def moment(when: dt.datetime) -> str:
    """Format a moment to the second."""
    return when.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S")


def sentence(text: str) -> str:
    """Begin a text with a capital letter."""
    return text[:1].upper() + text[1:]


def line(event: Event) -> str:
    """Format an event as a line, for logs and notes: ``blocked: accuracy 0.861 < ...``."""
    version = f" {event.version}" if event.version else ""
    return f"{event.kind.value}{version}: {event.reason}"


def table(events: Iterable[Event]) -> str:
    """Format events as a table, one line each."""
    rows = [_COLUMNS, *map(_row, events)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS) - 1)]
    # The last column is not padded.
    cells = [[cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=True)] for row in rows]
    return "\n".join("  ".join([*line, row[-1]]) for line, row in zip(cells, rows, strict=True))


def _row(event: Event) -> tuple[str, ...]:
    day = str(event.run.data_date) if event.run else ""
    version = str(event.version or "")
    return (moment(event.at), event.kind.value, version, day, event.actor, event.pipeline_version, event.reason)
