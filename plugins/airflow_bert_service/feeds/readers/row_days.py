"""Picks the rows of one day from files that hold several days."""

import datetime as dt
import functools
import itertools
import logging
from collections.abc import Callable, Iterable, Iterator

from airflow_bert_service.feeds.readers.rows import RawRow, Reason

MOST_HELD = 10_000
"""Bad rows that wait for one of the day; where there are more, the file is broken, and they are rejected."""
_DAY = dt.timedelta(days=1)
_logger = logging.getLogger(__name__)


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


def rows_of(day: dt.date, rows: Iterable[RawRow], place_of: Callable[[dt.date], str]) -> Iterator[RawRow]:
    """Yield the rows of a day, numbered anew, and those that no day would have.

    A row whose date cannot be read may be of any day: it is yielded for each that has a row of its own, with a problem,
    so that it is rejected. A row that lies in the files of other days than its own is read for none: it is yielded with
    a problem, too, for the day of these files that is nearest to its own, and for none where that day is not read. A
    day that has no row of its own is missing, whatever the bad ones.

    Args:
        day: A UTC day.
        rows: Those of all days in the day's files, with their dates.
        place_of: Tells where the files of a day are.
    """
    numbers = itertools.count(1)
    held: list[RawRow] | None = []  # until there is a row of the day
    is_lost = functools.cache(functools.partial(_is_lost, day, place_of))
    for row in rows:
        found = day_of(row.date)
        if found != day:
            if found is not None and not is_lost(found):
                continue
            row = row._replace(problem=row.problem or (Reason.NO_DATE if found is None else Reason.OTHER_DAY))
            if held is not None and len(held) < MOST_HELD:
                held.append(row)
                continue
        for one in (*(held or ()), row):
            yield one._replace(number=next(numbers))
        held = None
    if held:
        _logger.warning(
            "no row is of %s, and %d rows are read for no day: their date cannot be read, or is of a day that has "
            "another file. The first is %s, with the date %r",
            *(day, len(held), held[0].where, held[0].date),
        )


def _is_lost(day: dt.date, place_of: Callable[[dt.date], str], found: dt.date) -> bool:
    """Tell whether a row of a day's file is of a day with another file, and the file has no day nearer to that one."""
    beside = day + _DAY if found > day else day - _DAY
    return place_of(day) not in (place_of(found), place_of(beside))
