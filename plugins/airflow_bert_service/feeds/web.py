"""Defines the feed ``http``: a web service that answers with JSON."""

import datetime as dt
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from airflow_bert_service.feeds.download.web_client import WebClient
from airflow_bert_service.feeds.own_feed import DatedFeed, feed_errors
from airflow_bert_service.feeds.paging import DayPages
from airflow_bert_service.feeds.readers.row_files import row_from
from airflow_bert_service.feeds.readers.rows import RawRow, Reason

ADVICE = "Check the connection [bert_service] http_conn_id."


@dataclass(frozen=True, kw_only=True)
class WebFeed(DatedFeed):
    """Reads a day's pages, one at a time, through an Airflow HTTP connection.

    The connection's schema, host and port are the address, its login is sent as basic authentication, its extra as
    headers. The feed never requests a page from another server than the connection's.
    """

    name: ClassVar[str] = "http"

    conn_id: str
    """Airflow connection of the web service."""
    endpoint: str
    """Path and query of a day, with ``{date}`` and perhaps ``{next_date}``."""
    pages: DayPages
    """How the service hands out a day's rows."""
    timeout: float = 30.0
    tries: int = 5
    sleep: Callable[[float], None] = time.sleep

    def rows(self, day: dt.date) -> Iterator[RawRow]:
        """Yield the rows of a day's pages.

        Raises:
            FeedError: The service cannot be reached, refuses, or answers something of another form.
        """
        with feed_errors(f"{self.conn_id}, the reviews of {day}", ADVICE):
            number = 0
            for page_number, rows in enumerate(self._pages(day), start=1):
                for position, values in enumerate(rows, start=1):
                    number += 1
                    where = f"{self.conn_id}, page {page_number}, row {position}"
                    if isinstance(values, dict):
                        yield row_from(values, self.columns, number=number, where=where)
                    else:
                        yield RawRow(number, "", None, None, where, Reason.WRONG_COLUMNS)

    def _pages(self, day: dt.date) -> Iterator[list[object]]:
        # Imported here: the DAG file makes a feed at every parse, and reads none.
        from airflow.providers.http.hooks.http import HttpHook

        hook = HttpHook(method="GET", http_conn_id=self.conn_id)
        with hook.get_conn() as session:
            client = WebClient(session=session, timeout=self.timeout, tries=self.tries, sleep=self.sleep)
            endpoint = self.endpoint.format(date=day, next_date=day + dt.timedelta(days=1))
            yield from self.pages.read(client, hook.url_from_endpoint(endpoint))
