"""Defines the sample feed: made-up reviews of every day, the first days' in a CSV file with a column for the day."""

import csv
import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from airflow_bert_service.exceptions import FeedError, MissingDayError
from airflow_bert_service.feeds.base import Feed
from airflow_bert_service.feeds.made_up.days import reviews_of
from airflow_bert_service.feeds.made_up.phrases import Phrases, read_phrases
from airflow_bert_service.feeds.made_up.writer import normalised
from airflow_bert_service.feeds.readers.row_files import Columns, bad_row, table
from airflow_bert_service.feeds.readers.rows import RawRow, Reason
from airflow_bert_service.settings.settings import FeedName

COLUMNS = ("id", "date", "review", "sentiment")
_DATE = COLUMNS.index("date")


def utc_today() -> dt.date:
    """Return the day that it is in UTC."""
    return dt.datetime.now(dt.timezone.utc).date()


@dataclass(frozen=True)
class SampleFeed(Feed):
    """Reads the first days from a CSV file, and makes up the reviews of each later day up to yesterday.

    The file has the columns id, date (YYYY-MM-DD), review and sentiment; it is read through for every day of it. A row
    whose day cannot be read belongs to the day of the row before it, where it cannot be used; at the top of the file,
    to the feed's first day. A later day has the same reviews whenever it is read, and none that is in the holdout.
    """

    name: ClassVar[str] = FeedName.SAMPLE.value
    open_end: ClassVar[str] = "yesterday (UTC)"

    file: Path
    phrases: Path
    """Folder of what later reviews are put together from."""
    holdout: Path
    """CSV file with a column ``review``: texts that no later review has."""
    end: dt.date | None = None
    """The feed's last day; None: it gets a day more every day."""
    today: Callable[[], dt.date] = utc_today

    @property
    def first_day(self) -> dt.date:
        """The earliest day in the file."""
        return self._written[0]

    @property
    def last_day(self) -> dt.date | None:
        """The day that the settings name; None: a day is added when it is over."""
        return self.end

    @cached_property
    def _written(self) -> tuple[dt.date, dt.date]:
        """The earliest and the latest day in the file."""
        days = {day for record in self._records() if (day := _day(record))}
        if not days:
            raise FeedError(
                f"{self.file}: no row with a day below the header; a feed needs one at least. Put the file back."
            )
        return min(days), max(days)

    @cached_property
    def _phrases(self) -> Phrases:
        return read_phrases(self.phrases)

    @cached_property
    def _held_out(self) -> frozenset[str]:
        with _readable(self.holdout), self.holdout.open(encoding="utf-8", newline="") as file:
            return frozenset(normalised(row["review"]) for row in csv.DictReader(file))

    def read(self, day: dt.date) -> Iterator[RawRow]:
        """Yield a day's rows: in the file's order, or as they are made up.

        Raises:
            MissingDayError: The day is not over yet.
        """
        first, last = self._written
        if day < first or (self.end and day > self.end):
            return
        if day <= last:
            yield from self._from_file(day)
            return
        if day >= (today := self.today()):
            newest = max(last, today - dt.timedelta(days=1))
            raise MissingDayError(
                f"feed {self.name} has no reviews of {day}; its days are {first} to {newest}, and a day is added when "
                "it is over in UTC. Run for a day that it has."
            )
        for number, (text, sentiment) in enumerate(reviews_of(day, self._phrases, without=self._held_out), start=1):
            yield RawRow(number, f"s-{day}-{number:03d}", text, sentiment, f"made-up review {number} of {day}")

    def _from_file(self, day: dt.date) -> Iterator[RawRow]:
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
