"""Defines the base class of all feeds, which deliver dated rows, one day at a time."""

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

from airflow_bert_service.exceptions import MissingDayError
from airflow_bert_service.feeds.readers.rows import RawRow


class Feed(ABC):
    """A source of dated reviews, described by frozen settings.

    Subclasses define the first and the last day, and read one day. A feed only reads: the screening decides whether a
    row can be used, and the span store keeps it.
    """

    name: ClassVar[str]
    """The feed's name in the settings."""
    open_end: ClassVar[str] = "today"
    """What the last day is called where more come in."""

    @property
    @abstractmethod
    def first_day(self) -> dt.date:
        """The first day that has reviews."""

    @property
    @abstractmethod
    def last_day(self) -> dt.date | None:
        """The last day that has reviews; None: more come in."""

    @property
    def days_in_words(self) -> str:
        """The feed's days in words, the same ones on every day: ``2026-10-16 to today``."""
        return f"{self.first_day} to {self.last_day or self.open_end}"

    @abstractmethod
    def read(self, day: dt.date) -> Iterator[RawRow]:
        """Yield a day's rows, in an order that is always the same; none for a day that the feed does not have.

        Rows are numbered from 1 on. A row that cannot be used is a row like the others; FeedError is for a source that
        cannot be read.
        """

    def delivered(self, day: dt.date) -> Iterator[RawRow]:
        """Yield a day's rows, usable or not.

        Args:
            day: A UTC day.

        Yields:
            The day's rows, at least one, always in the same order, one at a time.

        Raises:
            MissingDayError: The feed has no row of that day.
            FeedError: The feed cannot be read.
        """
        rows = self.read(day)
        first = next(rows, None)
        if first is None:
            raise MissingDayError(
                f"feed {self.name} has no reviews of {day}; its days are {self.days_in_words}. Run for a day that "
                "it has, or run again when the day's reviews have come in."
            )
        yield first
        yield from rows
