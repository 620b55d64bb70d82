"""Defines the base class of the feeds of a user's own reviews: days by setting, and one error for all libraries."""

import datetime as dt
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from airflow_bert_service.addresses import quiet_libraries, secrets_of, without_credentials
from airflow_bert_service.exceptions import FeedError
from airflow_bert_service.feeds.base import Feed
from airflow_bert_service.feeds.readers.row_files import Columns
from airflow_bert_service.feeds.readers.rows import RawRow


@dataclass(frozen=True, kw_only=True)
class DatedFeed(Feed):
    """A feed whose first and last day are settings. Making one does not connect to the source."""

    begin: dt.date
    """The first day."""
    end: dt.date | None
    """The last day; None: more come in."""
    columns: Columns
    """Names of the columns that hold a row's values."""

    @property
    def first_day(self) -> dt.date:
        """The first day, as the setting ``first_day`` has it."""
        return self.begin

    @property
    def last_day(self) -> dt.date | None:
        """The last day, as the setting ``last_day`` has it."""
        return self.end

    def read(self, day: dt.date) -> Iterator[RawRow]:
        """Yield a day's rows in the source's order; none for a day outside of the feed's bounds."""
        return self.rows(day) if self.begin <= day <= (self.end or day) else iter(())

    @abstractmethod
    def rows(self, day: dt.date) -> Iterator[RawRow]:
        """Yield the rows of a day within the bounds."""


def _mask(address: str) -> None:
    """Have Airflow mask an address' credentials in the task's log, whoever writes them there."""
    if secrets := secrets_of(address):
        from airflow.sdk.log import mask_secret

        for secret in secrets:
            mask_secret(secret)


@contextmanager
def feed_errors(what: str, advice: str) -> Iterator[None]:
    """Turn any error of a library into a FeedError that names the source.

    Args:
        what: The source, in words that the operator knows.
        advice: A sentence that says what to do.

    Raises:
        FeedError: The block raised something.
    """
    _mask(what)
    try:
        with quiet_libraries():
            yield
    except FeedError:
        raise
    # The connection decides which libraries read the source, and their errors have no common base class.
    except Exception as error:  # noqa: BLE001 - it is raised again, in other words
        # Without the library's error as its cause: a log would show that one's text too, with what is in its addresses.
        message = f"{what} cannot be read: {type(error).__name__}: {error}. {advice}"
        raise FeedError(without_credentials(message, of=what)) from None
