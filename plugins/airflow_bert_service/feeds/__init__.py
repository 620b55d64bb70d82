"""Feeds: where reviews come from, chosen by the setting ``feed``.

Layers, each knowing only those below it::

    __init__.py                       makes the feed that the settings choose
    sample.py imdb.py                 feeds of known content; imdb_holdout.py: the IMDB feed's holdout
    dated_files.py sql.py web.py      feeds of a user's own reviews; own_feed.py: their base class
    paging.py                         follows the pages of a web service
    base.py                           the base class of all feeds
    made_up/                          makes up the reviews of the sample feed
    download/                         fetches archives and pages of JSON
    readers/                          reads rows from files, and rejects rows that cannot be used
"""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypedDict

from airflow_bert_service.exceptions import FeedError
from airflow_bert_service.feeds.base import Feed
from airflow_bert_service.feeds.readers.reviews import Review
from airflow_bert_service.feeds.readers.row_files import Columns
from airflow_bert_service.feeds.readers.rows import RawRow, Reason
from airflow_bert_service.feeds.readers.screening import Rejected, screen
from airflow_bert_service.settings.feeds import SourceSettings
from airflow_bert_service.settings.settings import FeedName, Settings

__all__ = [
    "Columns",
    "Feed",
    "RawRow",
    "Reason",
    "Rejected",
    "Review",
    "make_feed",
    "screen",
    "without_labels",
]


# A feed's module is imported where the feed is made: a parse of the DAG file makes one feed, and imports no other.
class _Dated(TypedDict):
    begin: dt.date
    end: dt.date | None
    columns: Columns


def _sample(settings: Settings) -> Feed:
    from airflow_bert_service.feeds.sample import SampleFeed

    return SampleFeed(
        settings.sample_feed,
        phrases=settings.sample_phrases,
        holdout=settings.sample_holdout,
        end=settings.source.last_day,
    )


def _imdb(settings: Settings) -> Feed:
    from airflow_bert_service.feeds.imdb import ImdbFeed

    return ImdbFeed(
        archive=settings.imdb_archive,
        digest=settings.imdb_digest,
        begin=settings.imdb_first_day,
        days=settings.imdb_days,
        reviews_per_day=settings.imdb_reviews_per_day,
        downloads=settings.downloads,
    )


def _files(settings: Settings) -> Feed:
    from airflow_bert_service.feeds.dated_files import PartitionedFeed

    source = settings.source
    dated = _dated(source)
    dated["columns"] = replace(dated["columns"], date=source.files_date_column)
    return PartitionedFeed(**dated, pattern=source.files_pattern, conn_id=source.files_conn_id)


def _sql(settings: Settings) -> Feed:
    from airflow_bert_service.feeds.sql import SqlFeed

    source = settings.source
    return SqlFeed(**_dated(source), conn_id=source.sql_conn_id, query=source.sql_query)


def _http(settings: Settings) -> Feed:
    from airflow_bert_service.feeds.paging import DayPages
    from airflow_bert_service.feeds.web import WebFeed

    source = settings.source
    return WebFeed(
        **_dated(source),
        conn_id=source.http_conn_id,
        endpoint=source.http_endpoint,
        pages=DayPages(
            conn_id=source.http_conn_id,
            rows_path=source.http_rows,
            paging=source.http_paging,
            next_path=source.http_next,
            page_parameter=source.http_page_parameter,
            page_size=source.http_page_size,
            total_path=source.http_total,
        ),
        timeout=source.http_timeout,
        tries=source.http_tries,
    )


def _dated(source: SourceSettings) -> _Dated:
    if source.first_day is None:
        raise FeedError("[bert_service] first_day is missing; allowed: a date like 2026-10-16. Set it.")
    columns = Columns(source.id_column, source.text_column, source.sentiment_column, source.label_columns)
    return {"begin": source.first_day, "end": source.last_day, "columns": columns}


_FEEDS: Mapping[str, Callable[[Settings], Feed]] = {
    FeedName.SAMPLE: _sample,
    FeedName.IMDB: _imdb,
    FeedName.FILES: _files,
    FeedName.SQL: _sql,
    FeedName.HTTP: _http,
}


def make_feed(settings: Settings) -> Feed:
    """Make the feed that the settings choose.

    Args:
        settings: The Airflow side's settings.

    Returns:
        The feed. Nothing is read or downloaded yet.

    Raises:
        FeedError: No feed has that name.
    """
    try:
        make = _FEEDS[settings.feed]
    except KeyError:
        known = ", ".join(FeedName(name).value for name in _FEEDS)
        raise FeedError(
            f"feed {settings.feed!r} is unknown; known feeds: {known}. Set [bert_service] feed to one of these."
        ) from None
    return make(settings)


def without_labels(feed: Feed) -> Feed:
    """Return the feed for rows that need no label: the label's column is not looked at, and need not be there."""
    from airflow_bert_service.feeds.own_feed import DatedFeed

    # The other feeds have a known content, with labels.
    return replace(feed, columns=replace(feed.columns, labelled=False)) if isinstance(feed, DatedFeed) else feed
