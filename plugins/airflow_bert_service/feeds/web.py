"""Defines the feed ``http``: a web service that answers with JSON."""

import datetime as dt
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlencode, urljoin, urlsplit

from airflow_bert_service.addresses import place_of
from airflow_bert_service.exceptions import FeedError
from airflow_bert_service.feeds.download.web_client import Page, WebClient
from airflow_bert_service.feeds.own_feed import DatedFeed, reading
from airflow_bert_service.feeds.readers.row_files import row_from
from airflow_bert_service.feeds.readers.rows import RawRow, Reason
from airflow_bert_service.settings.feeds import Paging

ADVICE = "Check the connection [bert_service] http_conn_id."
MOST_PAGES = 100_000
"""The most pages of a day. A service with more has a fault in its paging."""


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
    rows_path: str = ""
    """Keys, joined by dots, that lead to the list of rows; empty: the answer is the list."""
    paging: Paging = Paging.NONE
    next_path: str = ""
    """Keys that lead to the next page's address; empty: it is in the header ``Link``."""
    page_parameter: str = "page"
    """Name of the query parameter with the page's number."""
    timeout: float = 30.0
    tries: int = 5
    sleep: Callable[[float], None] = time.sleep

    def rows(self, day: dt.date) -> Iterator[RawRow]:
        """Yield the rows of a day's pages.

        Raises:
            FeedError: The service cannot be reached, refuses, or answers something of another form.
        """
        with reading(f"{self.conn_id}, the reviews of {day}", ADVICE):
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
            address = hook.url_from_endpoint(endpoint)
            follow = self._numbered if self.paging is Paging.NUMBER else self._linked
            yield from follow(client, address)

    def _numbered(self, client: WebClient, address: str) -> Iterator[list[object]]:
        joint = "&" if urlsplit(address).query else "?"
        before: list[object] = []
        for number in range(1, MOST_PAGES + 1):
            numbered = f"{address}{joint}{urlencode({self.page_parameter: number})}"
            rows = self._list(client.get(numbered))
            if not rows:
                return
            if rows == before:
                raise FeedError(
                    f"{self.conn_id}: page {number} has the same rows as the page before; allowed: a service "
                    f"that pages by the parameter {self.page_parameter}. Correct [bert_service] http_page_parameter or "
                    "http_paging."
                )
            yield rows
            before = rows
        raise self._endless()

    def _linked(self, client: WebClient, address: str) -> Iterator[list[object]]:
        seen = {address}
        for _ in range(MOST_PAGES):
            page = client.get(address)
            yield self._list(page)
            if not (link := self._link(page)):
                return
            following = urljoin(address, link)
            self._check_next(following, address, seen)
            seen.add(following)
            address = following
        raise self._endless()

    def _link(self, page: Page) -> str:
        if self.paging is Paging.NONE:
            return ""
        link = _at(page.value, self.next_path) if self.next_path else page.next_link
        if link is None or isinstance(link, str):
            return link or ""
        raise FeedError(
            f"{self.conn_id}: {self.next_path} is {str(link)[:100]!r}; allowed: an address, or null after the last "
            "page. Correct [bert_service] http_next."
        )

    def _check_next(self, following: str, address: str, seen: set[str]) -> None:
        if urlsplit(following)[:2] != urlsplit(address)[:2]:
            raise FeedError(
                f"{self.conn_id}: the next page is at {place_of(following)}; allowed: the server of the "
                "connection, since it gets the credentials. Use a connection to the server that has the pages."
            )
        if following in seen:
            raise FeedError(
                f"{self.conn_id}: the next page, {place_of(following)}, was read already. Correct the "
                "service, or [bert_service] http_next."
            )

    def _list(self, page: Page) -> list[object]:
        rows = _at(page.value, self.rows_path)
        if isinstance(rows, list):
            return rows
        place = f"at {self.rows_path}" if self.rows_path else "as the whole answer"
        raise FeedError(
            f"{self.conn_id}: {type(rows).__name__} {place}; allowed: a list of reviews. Set [bert_service] http_rows "
            "to the keys that lead to it, joined by dots."
        )

    def _endless(self) -> FeedError:
        return FeedError(
            f"{self.conn_id}: more than {MOST_PAGES} pages in a day. Have the service hand out larger pages, or "
            "correct [bert_service] http_paging."
        )


def _at(value: object, path: str) -> object:
    """Return the value at a path of keys; None where there is none."""
    for key in path.split(".") if path else ():
        value = value.get(key) if isinstance(value, dict) else None
    return value
