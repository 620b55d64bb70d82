"""Defines the sample feed: one CSV file with a column for the day of each review."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from airflow_bert_service.exceptions import FeedError
from airflow_bert_service.feeds.base import Feed
from airflow_bert_service.feeds.readers.row_files import Columns, bad_row, table
from airflow_bert_service.feeds.readers.rows import RawRow, Reason
from airflow_bert_service.settings.settings import FeedName

COLUMNS = ("id", "date", "review", "sentiment")
_DATE = COLUMNS.index("date")


@dataclass(frozen=True)
class SampleFeed(Feed):
    """Reads a CSV file with the columns id, date (YYYY-MM-DD), review and sentiment.

    The file is read through for every day. A row whose day cannot be read belongs to the day of the row before it,
    where it cannot be used; at the top of the file, to the feed's first day.
    """

    name: ClassVar[str] = FeedName.SAMPLE.value

    file: Path

    @property
    def first_day(self) -> dt.date:
        """The earliest day in the file."""
        return self._days[0]

    @property
    def last_day(self) -> dt.date:
        """The latest day in the file."""
        return self._days[1]

    @cached_property
    def _days(self) -> tuple[dt.date, dt.date]:
        days = {day for record in self._records() if (day := _day(record))}
        if not days:
            raise FeedError(
                f"{self.file}: no row with a day below the header; a feed needs one at least. Put the file back."
            )
        return min(days), max(days)

    def read(self, day: dt.date) -> Iterator[RawRow]:
        """Yield a day's rows in the file's order."""
        current, number = self.first_day, 0
        for position, record in enumerate(self._records(), start=1):
            found = _day(record)
            current = found or current
            if current == day:
                number += 1
                yield _row(record, number, f"{self.file}, row {position}", has_day=found is not None)

    def _records(self) -> Iterator[list[str] | Reason]:
        with _readable(self.file), self.file.open("rb") as file:
            header, records = table(file, (), where=str(self.file))
            if tuple(header) != COLUMNS:
                raise FeedError(
                    f"{self.file}: the columns are {', '.join(header) or 'missing'}; expected {', '.join(COLUMNS)}, in "
                    "this order. Correct the header."
                )
            yield from records.records()


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FeedError(f"{file} cannot be read: {error}. Put it back.") from error


def _day(record: list[str] | Reason) -> dt.date | None:
    if isinstance(record, Reason) or len(record) <= _DATE:
        return None
    try:
        return dt.date.fromisoformat(record[_DATE])
    except ValueError:
        return None


def _row(record: list[str] | Reason, number: int, where: str, *, has_day: bool) -> RawRow:
    if isinstance(record, Reason) or len(record) != len(COLUMNS) or not has_day:
        return bad_row(record, list(COLUMNS), Columns(), number=number, where=where)
    id_, _, text, sentiment = record
    return RawRow(number, id_, text, sentiment, where)
