"""Makes and reads version numbers: 2026110501 is the first model with the data date 5 November 2026.

It is one int64, and the largest is the newest data's, so that a stock TensorFlow Serving serves the right one.
"""

import datetime as dt
from collections.abc import Iterable

from tfx_modules.promotion.exceptions import VersionsExhaustedError

MOST_PER_DAY = 99
_PER_DAY = 100


def version_number(day: dt.date, sequence: int) -> int:
    """Make a number.

    Args:
        day: the model's data date, the last day that it was trained on.
        sequence: 1 for the date's first model, up to 99.

    Raises:
        VersionsExhaustedError: the sequence is out of these bounds.
    """
    if not 1 <= sequence <= MOST_PER_DAY:
        raise VersionsExhaustedError(
            f"version {sequence} of data date {day} was asked for; allowed: 1 to {MOST_PER_DAY} a date. Put versions "
            "of later dates in service instead."
        )
    return ((day.year * 100 + day.month) * 100 + day.day) * _PER_DAY + sequence


def data_date(version: int) -> dt.date | None:
    """Return the data date in a number; None: it has none, as TFX's own have not, which are seconds since 1970."""
    days, sequence = divmod(version, _PER_DAY)
    months, day = divmod(days, 100)
    year, month = divmod(months, 100)
    if not sequence or year > dt.MAXYEAR:
        return None
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


def next_version(day: dt.date, taken: Iterable[int]) -> int:
    """Return the number for another model of a date.

    Args:
        day: the model's data date.
        taken: numbers that are in use or ever were.

    Raises:
        VersionsExhaustedError: the date has had 99.
    """
    used = [version % _PER_DAY for version in taken if data_date(version) == day]
    return version_number(day, max(used, default=0) + 1)
