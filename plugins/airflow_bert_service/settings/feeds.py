"""Settings of the feeds that read a user's own reviews: files by date, a database, a web service.

They are keys of ``[bert_service]`` beside the others; :mod:`airflow_bert_service.settings.settings` reads them.
``docs/how-to/feeds.md`` has examples.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.settings import parsing as read
from airflow_bert_service.settings.parsing import SECTION
from airflow_bert_service.settings.sql_query import check_query

_NEEDED: Mapping[str, tuple[str, ...]] = {
    "files": ("files_pattern", "first_day"),
    "sql": ("sql_conn_id", "sql_query", "first_day"),
    "http": ("http_conn_id", "http_endpoint", "first_day"),
}


class Paging(str, Enum):
    """How a web service hands out a day's reviews."""

    NONE = "none"
    """All in one answer."""
    LINK = "link"
    """Every answer but the last one names the next."""
    NUMBER = "number"
    """Pages have numbers, from 1 on; the one after the last is empty."""


@dataclass(frozen=True, kw_only=True)
class SourceSettings:
    """Where a user's own reviews are, and what they look like. Not what they must be: labels and limits are others'."""

    first_day: dt.date | None = None
    """The first day of the feeds ``files``, ``sql`` and ``http``, which need it: these sources cannot tell cheaply."""
    last_day: dt.date | None = None
    """Their last day; empty: more come in."""
    id_column: str = "id"
    """Column (CSV, query) or key (JSON) of a review's id."""
    text_column: str = "review"
    """Column or key of a review's text."""
    sentiment_column: str = "sentiment"
    """Column or key of a review's label."""
    files_pattern: str = ""
    """Path or address of a day's files, with ``{date}`` and wildcards: ``s3://bucket/reviews/dt={date}/*.csv``."""
    files_conn_id: str = ""
    """Airflow connection of the object store; empty: none."""
    sql_conn_id: str = ""
    """Airflow connection of the database."""
    sql_query: str = ""
    """The query of a day's reviews, with ``:start`` and ``:end`` for the day's bounds, and an ORDER BY."""
    http_conn_id: str = ""
    """Airflow HTTP connection of the web service."""
    http_endpoint: str = ""
    """Path and query of a day's reviews below the connection's address, with ``{date}`` and perhaps ``{next_date}``."""
    http_rows: str = ""
    """Where in an answer the list of reviews is, keys joined by dots (``data.items``); empty: the whole answer."""
    http_paging: Paging = Paging.NONE
    """How pages follow each other."""
    http_next: str = ""
    """Paging ``link``: where in an answer the next page's address is; empty: in the header ``Link``."""
    http_page_parameter: str = "page"
    """Paging ``number``: name of the query parameter."""
    http_timeout: int = 30
    """Seconds that the web service has to accept a connection, and for each next piece of an answer."""
    http_tries: int = 5
    """How often a page is asked for before the feed gives up."""

    def __post_init__(self) -> None:
        """Check the values that have a limit or a form."""
        read.at_least("http_timeout", self.http_timeout, 1)
        read.at_least("http_tries", self.http_tries, 1)
        if self.sql_query:
            check_query(self.sql_query)
        if self.files_pattern:
            read.dated("files_pattern", self.files_pattern, known=("date",))
        if self.http_endpoint:
            read.dated("http_endpoint", self.http_endpoint, known=("date", "next_date"))
        if self.first_day and self.last_day and self.last_day < self.first_day:
            raise SettingsError(
                f"[{SECTION}] last_day is {self.last_day}; allowed: first_day, which is {self.first_day}, or later. "
                "Correct one of them, or leave last_day out."
            )

    def require(self, feed: str) -> None:
        """Check that what a feed needs is there.

        Args:
            feed: Name of the feed that the settings choose.

        Raises:
            SettingsError: A key is missing.
        """
        if missing := [key for key in _NEEDED.get(feed, ()) if not getattr(self, key)]:
            raise SettingsError(
                f"[{SECTION}] feed {feed} needs {', '.join(_NEEDED[feed])}; missing: {', '.join(missing)}. Set "
                "them; docs/how-to/feeds.md has examples."
            )


def source_settings_from(given: Mapping[str, str], root: Path) -> SourceSettings:
    """Make the settings of texts.

    Args:
        given: Texts by key, none of them empty. Keys of other settings are passed over.
        root: Folder that relative paths count from.

    Raises:
        SettingsError: A value is not allowed.
    """
    default = SourceSettings
    return SourceSettings(
        first_day=read.day("first_day", given["first_day"]) if "first_day" in given else None,
        last_day=read.day("last_day", given["last_day"]) if "last_day" in given else None,
        id_column=given.get("id_column", default.id_column),
        text_column=given.get("text_column", default.text_column),
        sentiment_column=given.get("sentiment_column", default.sentiment_column),
        files_pattern=_address(given.get("files_pattern", ""), root),
        files_conn_id=given.get("files_conn_id", ""),
        sql_conn_id=given.get("sql_conn_id", ""),
        sql_query=given.get("sql_query", ""),
        http_conn_id=given.get("http_conn_id", ""),
        http_endpoint=given.get("http_endpoint", ""),
        http_rows=given.get("http_rows", ""),
        http_paging=read.choice(Paging, "http_paging", given.get("http_paging", default.http_paging.value)),
        http_next=given.get("http_next", ""),
        http_page_parameter=given.get("http_page_parameter", default.http_page_parameter),
        http_timeout=read.integer("http_timeout", given.get("http_timeout", str(default.http_timeout))),
        http_tries=read.integer("http_tries", given.get("http_tries", str(default.http_tries))),
    )


def _address(value: str, root: Path) -> str:
    return value if not value or "://" in value else str(root / Path(value).expanduser())
