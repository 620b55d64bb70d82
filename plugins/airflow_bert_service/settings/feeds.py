"""Settings of the feeds that read a user's own reviews: files by date, a database, a web service.

They are keys of ``[bert_service]`` beside the others. ``docs/how-to/feeds.md`` has examples.
"""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from string import Formatter
from typing import Annotated

from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.settings.reading.declared import SettingsGroup
from airflow_bert_service.settings.reading.limits import AtLeast, Limit
from airflow_bert_service.settings.reading.naming import SECTION
from airflow_bert_service.settings.reading.reader import PathOrAddress, ReadBy
from airflow_bert_service.settings.sql_query import DayQuery

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


@dataclass(frozen=True)
class Dated(Limit):
    """A text with days in it, such as ``reviews/{date}.csv`` or ``{date:%Y/%m/%d}``."""

    known: tuple[str, ...]
    """Names that may stand in braces."""
    needed: bool = True
    """Whether ``date`` has to; otherwise a column may name the day instead."""
    advice = "Write it so (in airflow.cfg with doubled percent signs)"

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        names = " and ".join(f"{{{name}}}" for name in self.known)
        day = "a text with {date} in it" if self.needed else "a text with {date} in it, or with files_date_column set"
        return f"{day}; in braces may stand {names}, with a form like {{date:%Y/%m/%d}}"

    def holds(self, value: str) -> bool:
        """Tell whether a text is allowed."""
        try:
            names = self.names(value)
            value.format(**dict.fromkeys(self.known, dt.date(2026, 10, 16)))
        except (LookupError, ValueError, AttributeError):
            return False
        return ("date" in names or not self.needed) and names <= set(self.known)

    @staticmethod
    def names(value: str) -> set[str]:
        """Return the names in braces."""
        return {name for _, name, _, _ in Formatter().parse(value) if name is not None}


def read_scoring_feed(text: str) -> Mapping[str, str]:
    """Read the setting ``scoring_feed``: a JSON object of texts, numbers and truth values.

    Returns:
        Texts by key, as airflow.cfg would have them; none for an empty text.

    Raises:
        SettingsError: It is something else.
    """
    allowed = 'allowed: a JSON object of keys, like {"feed": "files", "files_pattern": "/data/{date}.csv", ...}'
    try:
        keys = json.loads(text or "{}")
    except ValueError as error:
        raise SettingsError(f"[{SECTION}] scoring_feed is no JSON ({error}); {allowed}. Write it so.") from error
    if not isinstance(keys, dict):
        raise SettingsError(f"[{SECTION}] scoring_feed is no JSON object; {allowed}. Write it so.")
    for key, value in keys.items():
        if not isinstance(value, (str, int, float)):
            raise SettingsError(
                f"[{SECTION}] scoring_feed has {key}: {value!r}; allowed: a text or a number. Correct it."
            )
    return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in keys.items()}


_FILES = Dated(("date",), needed=False)
"""What the pattern of files is; that a day is named somewhere takes another setting, too."""


@dataclass(frozen=True, kw_only=True)
class SourceSettings(SettingsGroup):
    """Where a user's own reviews are, and what they look like. Not what they must be: labels and limits are others'."""

    first_day: dt.date | None = None
    """The first day of the feeds ``files``, ``sql`` and ``http``, which need it: these sources cannot tell cheaply."""
    last_day: dt.date | None = None
    """Their last day, and that of the feed ``sample``; empty: more come in."""
    id_column: str = "id"
    """Column (CSV, query) or key (JSON) of a review's id."""
    text_column: str = "review"
    """Column or key of a review's text."""
    sentiment_column: str = "sentiment"
    """Column or key of a review's label; of a multilabel task, of its labels: a list, or a text with
    ``label_separator`` between them."""
    label_columns: tuple[str, ...] = ()
    """Of a multilabel task, columns or keys of one label each, with 1 or 0, in place of ``sentiment_column``. The
    setting ``labels`` says which label each is, where it is not the label itself."""
    files_pattern: Annotated[str, PathOrAddress(), _FILES] = ""
    """Path or address of a day's files, with ``{date}`` and wildcards: ``s3://bucket/reviews/dt={date}/*.csv``."""
    files_date_column: str = ""
    """Column or key of a row's date, for files that hold several days (``2026-11-05``, or a moment like
    ``2026-11-05T23:10:00+01:00``; UTC without an offset). With it, ``files_pattern`` need not have ``{date}``. Empty:
    all rows of a file are of the day in its name."""
    files_conn_id: str = ""
    """Airflow connection of the object store; empty: none."""
    sql_conn_id: str = ""
    """Airflow connection of the database."""
    sql_query: Annotated[str, DayQuery()] = ""
    """The query of a day's reviews, with ``:start`` and ``:end`` for the day's bounds, and an ORDER BY."""
    http_conn_id: str = ""
    """Airflow HTTP connection of the web service."""
    http_endpoint: Annotated[str, Dated(("date", "next_date"))] = ""
    """Path and query of a day's reviews below the connection's address, with ``{date}`` and perhaps ``{next_date}``."""
    http_rows: str = ""
    """Where in an answer the list of reviews is, keys joined by dots (``data.items``); empty: the whole answer. A key
    may have dots itself (``@odata.nextLink``), here and below."""
    http_paging: Paging = Paging.NONE
    """How pages follow each other."""
    http_next: str = ""
    """Paging ``link``: where in an answer the next page's address is; empty: in the header ``Link``."""
    http_page_size: Annotated[int, AtLeast(0)] = 0
    """Paging ``link``: rows of a full page, for a service that names no next page on the last one; a smaller page is
    then known to be the last. 0: not known, and a first page with rows has to name the next one, or null."""
    http_total: str = ""
    """Where in an answer the number of all rows of the day is; empty: under one of the usual names (``total``,
    ``@odata.count``, the header ``X-Total-Count`` ...), if at all; ``none``: nowhere. The rows have to reach it."""
    http_page_parameter: str = "page"
    """Paging ``number``: name of the query parameter."""
    http_timeout: Annotated[int, AtLeast(1)] = 30
    """Seconds that the web service has to accept a connection, and for each next piece of an answer."""
    http_tries: Annotated[int, AtLeast(1)] = 5
    """How often a page is asked for before the feed gives up."""
    scoring_feed: Annotated[Mapping[str, str], ReadBy(read_scoring_feed)] = field(default_factory=dict)
    """Where the texts come from that the DAG ``<pipeline>_scoring`` scores, if not from the pipeline's feed: a JSON
    object of ``feed`` and that feed's keys, like ``{"feed": "files", "first_day": "2026-11-01", "files_pattern":
    "/data/texts/{date}.jsonl"}``. It takes none of the pipeline's own. ``docs/how-to/batch-scoring.md`` has an
    example."""

    def __post_init__(self) -> None:
        """Check the limits, and that the last day is not before the first one."""
        super().__post_init__()
        if self.files_pattern and not self.files_date_column and "date" not in _FILES.names(self.files_pattern):
            raise SettingsError(
                f"[{SECTION}] files_pattern is {self.files_pattern!r}; allowed: {_FILES.allowed}. Name each day's file "
                "so, or set files_date_column to the column that has a row's date."
            )
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
