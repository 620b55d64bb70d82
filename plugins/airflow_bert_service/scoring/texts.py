"""Reads a day's texts from the feed, to be scored. It rejects none: a row that cannot be scored has its reason."""

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple

from airflow_bert_service.feeds import Feed, RawRow, without_labels
from airflow_bert_service.feeds.readers.screening import fault_of_text, rejected


class DayText(NamedTuple):
    """A row of the day."""

    row: int
    """Its number within the delivery, from 1 on."""
    id: str | None
    """None where the source has none; of a row with an error, its beginning."""
    text: str
    """Empty where there is an error."""
    error: str | None = None
    """Why it cannot be scored, as a rejected row's reason; None: it can."""


def texts_of(feed: Feed, day: dt.date) -> Iterator[DayText]:
    """Yield the rows of a day, which need no labels, one at a time.

    Args:
        feed: The pipeline's.
        day: A UTC day.

    Raises:
        MissingDayError: The feed has no row of that day.
        FeedError: The feed cannot be read.
    """
    return map(_text, without_labels(feed).delivered(day))


def _text(row: RawRow) -> DayText:
    reason = fault_of_text(row)
    if reason is not None:
        return DayText(row.number, rejected(row, reason).id or None, "", reason.value)
    return DayText(row.number, row.id if row.id.strip() else None, str(row.text))
