"""What every feed is: dated reviews, one day at a time."""

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from bert_service.exceptions import FeedError, MissingDayError
from bert_service.feeds.rows import RawRow

LONGEST_REVIEW = 100_000
"""Characters. The csv module, which TFX reads spans with, refuses fields from 131,072 on."""


class Sentiment(str, Enum):
    """What a review thinks of its film."""

    NEGATIVE = "negative"
    """It advises against it."""
    POSITIVE = "positive"
    """It recommends it."""


@dataclass(frozen=True)
class Review:
    """One labelled review. Made by :func:`checked_review`."""

    id: str
    """Unique within its feed, and stable."""
    day: dt.date
    """The UTC day that it came in on."""
    text: str
    sentiment: Sentiment


def checked_review(*, id: str, day: dt.date, text: str, sentiment: str, where: str) -> Review:  # noqa: A002
    """Make a review of raw values.

    Args:
        id: The review's id.
        day: Its day.
        text: What it says.
        sentiment: One of the values of :class:`Sentiment`.
        where: Where the values stand (file and row, or archive and member), for the message.

    Returns:
        The review.

    Raises:
        FeedError: A value is empty, unknown or too long.
    """
    if not id.strip():
        raise FeedError(f"{where}: id is empty; every review needs one. Give it an id that no other review has.")
    if not text.strip():
        raise FeedError(
            f"{where}: review is empty; allowed: 1 to {LONGEST_REVIEW} characters. Write it, or take it out."
        )
    if len(text) > LONGEST_REVIEW:
        raise FeedError(
            f"{where}: review has {len(text)} characters; allowed: 1 to {LONGEST_REVIEW}. Shorten it, or take it out."
        )
    try:
        return Review(id, day, text, Sentiment(sentiment))
    except ValueError:
        allowed = ", ".join(known.value for known in Sentiment)
        raise FeedError(
            f"{where}: sentiment is {sentiment!r}; allowed: {allowed}. Correct it, or take it out."
        ) from None


class Feed(ABC):
    """A source of dated reviews, described by frozen configuration.

    Subclasses say which days there are and read one. A feed only reads: keeping what it delivers is the span store's
    job.
    """

    name: ClassVar[str]
    """The feed's name in the settings."""

    @property
    @abstractmethod
    def first_day(self) -> dt.date:
        """The first day that has reviews."""

    @property
    @abstractmethod
    def last_day(self) -> dt.date | None:
        """The last day that has reviews; None: more come in."""

    @abstractmethod
    def read(self, day: dt.date) -> Iterator[Review] | Iterator[RawRow]:
        """Yield a day's reviews, in an order that is always the same; none for a day that the feed does not have."""

    def reviews(self, day: dt.date) -> Iterator[Review]:
        """Yield a day's reviews.

        Args:
            day: A UTC day.

        Yields:
            The day's reviews, at least one, always in the same order.

        Raises:
            MissingDayError: The feed has no review of that day.
            FeedError: The feed cannot be read.
        """
        empty = True
        for row in self.read(day):
            empty = False
            yield _review(row, day) if isinstance(row, RawRow) else row
        if empty:
            days = f"{self.first_day} to {self.last_day or 'today'}"
            raise MissingDayError(
                f"feed {self.name} has no reviews of {day}; its days are {days}. Run for a day that it has, or run "
                "again when the day's reviews have come in."
            )


def _review(row: RawRow, day: dt.date) -> Review:
    if row.problem is not None:
        raise FeedError(f"{row.where}: the row cannot be used ({row.problem.value}). Correct it, or take it out.")
    text = row.text if isinstance(row.text, str) else ""
    return checked_review(id=row.id, day=day, text=text, sentiment=str(row.sentiment), where=row.where)
