"""Writes the spans of a window of days from one CSV file, in the layout that CsvExampleGen reads.

In the DAG, ``refresh_data`` does this from any feed; it also judges each row, and keeps unusable ones apart.
"""

import csv
import datetime as dt
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfx_modules.common.files import make_folder, write_atomically
from tfx_modules.data import features
from tfx_modules.exceptions import InteractiveError

_FILE = "reviews.csv"


@dataclass(frozen=True)
class Window:
    """The days that a run reads."""

    folder: Path
    """The folder of the spans."""
    versions: Mapping[dt.date, int | None]
    """The version of each day, in their order; None: the day has no reviews."""
    rows: int
    """The number of reviews."""

    @property
    def first_day(self) -> dt.date:
        """The first day, with reviews or without."""
        return min(self.versions)

    @property
    def last_day(self) -> dt.date:
        """The run's data date."""
        return max(self.versions)


def write_window(reviews: Path, folder: Path, *, last_day: dt.date, days: int) -> Window:
    """Write a span for each day of a window that has reviews; a day that has changed gets a further version.

    Args:
        reviews: a CSV file with the columns ``id``, ``date`` (like 2026-11-05), ``review`` and ``sentiment``.
        folder: the folder of the spans; it is made.
        last_day: the last day of the window.
        days: how many days the window has.

    Raises:
        InteractiveError: the file cannot be read, lacks a column, or has no review of the last day.
    """
    window = [last_day - dt.timedelta(days=back) for back in reversed(range(days))]
    found = _by_day(reviews)
    if not window or str(last_day) not in found:
        raise InteractiveError(
            f"a window of {days} days up to {last_day} was asked of {reviews}; allowed: 1 day or more, and a last day "
            f"with reviews, from {min(found, default='none')} to {max(found, default='none')}. Choose another day."
        )
    given = {day: found[str(day)] for day in window if str(day) in found}
    versions = {day: _write_day(folder / str(day), given[day]) if day in given else None for day in window}
    return Window(folder.absolute(), versions, sum(map(len, given.values())))


def _by_day(reviews: Path) -> dict[str, list[Sequence[str]]]:
    found: dict[str, list[Sequence[str]]] = {}
    try:
        with reviews.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            if missing := [name for name in features.CSV_COLUMNS if name not in (rows.fieldnames or ())]:
                raise InteractiveError(
                    f"{reviews} lacks the column {', '.join(missing)}; allowed: a CSV file with the columns "
                    f"{', '.join(features.CSV_COLUMNS)}. Rename its columns, or name another file."
                )
            for row in rows:
                found.setdefault(row[features.DATE], []).append([row[name] or "" for name in features.CSV_COLUMNS])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InteractiveError(
            f"the reviews in {reviews} cannot be read: {error}. Name a CSV file in UTF-8 with the columns "
            f"{', '.join(features.CSV_COLUMNS)}."
        ) from error
    return found


def _write_day(folder: Path, rows: list[Sequence[str]]) -> int:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([features.CSV_COLUMNS, *rows])
    there = sorted(
        int(path.name[1:]) for path in folder.glob("v*") if (path / _FILE).is_file() and path.name[1:].isdigit()
    )
    if there and (folder / f"v{there[-1]}" / _FILE).read_bytes() == text.getvalue().encode():
        return there[-1]
    version = there[-1] + 1 if there else 1
    make_folder(folder / f"v{version}")
    write_atomically(folder / f"v{version}" / _FILE, text.getvalue())
    return version
