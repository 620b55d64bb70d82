"""The sample feed: reviews in one CSV file, a column saying which day each came in on."""

import csv
import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from bert_service.exceptions import FeedError
from bert_service.feeds.base import Feed, Review, checked_review
from bert_service.settings import FeedName

COLUMNS = ("id", "date", "review", "sentiment")


@dataclass(frozen=True)
class SampleFeed(Feed):
    """Reads a CSV file with the columns id, date (YYYY-MM-DD), review and sentiment (negative or positive).

    The file is read through for every day, and every row of it is checked: a bad row stops the feed whatever its day.
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
        days = {review.day for review in self._rows()}
        if not days:
            raise FeedError(
                f"{self.file}: no row below the header; a feed needs one review at least. Put the file back."
            )
        return min(days), max(days)

    def read(self, day: dt.date) -> Iterator[Review]:
        """Yield a day's reviews in the file's order."""
        return (review for review in self._rows() if review.day == day)

    def _rows(self) -> Iterator[Review]:
        with _readable(self.file), self.file.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise FeedError(
                    f"{self.file}: the columns are {', '.join(reader.fieldnames or ()) or 'missing'}; expected "
                    f"{', '.join(COLUMNS)}, in this order. Correct the header."
                )
            for number, row in enumerate(reader, start=1):
                yield _review(row, where=f"{self.file}, row {number} (ends on line {reader.line_num})")


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FeedError(
            f"{file} cannot be read as a CSV file in UTF-8: {error}. Put it back, or correct it."
        ) from error


def _review(row: dict[str, str], *, where: str) -> Review:
    # DictReader files what is over under the key None, and fills what is missing with None.
    if None in row or None in row.values():
        raise FeedError(
            f"{where}: not {len(COLUMNS)} values; expected {', '.join(COLUMNS)}. Quote commas and line breaks."
        )
    try:
        day = dt.date.fromisoformat(row["date"])
    except ValueError:
        raise FeedError(f"{where}: date is {row['date']!r}; allowed: a day like 2026-11-05. Correct it.") from None
    return checked_review(id=row["id"], day=day, text=row["review"], sentiment=row["sentiment"], where=where)
