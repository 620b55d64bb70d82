"""Picks the rows of one day from files that hold several days."""

import datetime as dt
import itertools
from collections.abc import Iterable, Iterator

from airflow_bert_service.feeds.readers.rows import RawRow, Reason

MOST_HELD = 10_000
"""Rows without a date that wait for one of the day; where there are more, the file is broken, and they are rejected."""


def day_of(value: object) -> dt.date | None:
    """Return the UTC day of a date, or of a moment with or without an offset, as ISO 8601 writes them.

    Args:
        value: Like ``2026-11-05``, ``2026-11-05 23:10:00`` (taken as UTC) or ``2026-11-05T23:10:00+01:00``.

    Returns:
        The day; None where the value is none of these.
    """
    if not isinstance(value, str):
        return None
    text = value.strip()
    try:
        # Python 3.10 does not know the letter Z.
        moment = dt.datetime.fromisoformat(f"{text[:-1]}+00:00" if text.endswith("Z") else text)
        return (moment if moment.tzinfo is None else moment.astimezone(dt.timezone.utc)).date()
    except (ValueError, OverflowError):  # no date; the day before the first one, or after the last one
        return None


def rows_of(day: dt.date, rows: Iterable[RawRow]) -> Iterator[RawRow]:
    """Yield the rows of a day, numbered anew.

    A row whose date cannot be read may be of any day: it is yielded for each that has a row of its own, with a problem,
    so that it is rejected. A day that has none is missing, whatever the rows without a date.

    Args:
        day: A UTC day.
        rows: Those of all days, with their dates.
    """
    numbers = itertools.count(1)
    held: list[RawRow] | None = []  # until there is a row of the day
    for row in rows:
        found = day_of(row.date)
        if found is None:
            row = row._replace(problem=row.problem or Reason.NO_DATE)
            if held is not None and len(held) < MOST_HELD:
                held.append(row)
                continue
        elif found != day:
            continue
        for one in (*(held or ()), row):
            yield one._replace(number=next(numbers))
        held = None
