"""Follows the pages of a web service's answer for one day, and finds out when rows are missing.

A page that is left out makes a day smaller, and nothing fails. So nothing is taken for the last page that may be
another one: the service has to say that there is no next page, or the total that it tells has to be reached.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urljoin, urlsplit

from airflow_bert_service.addresses import place_of
from airflow_bert_service.exceptions import FeedError
from airflow_bert_service.feeds.download.web_client import Page, WebClient
from airflow_bert_service.feeds.readers.json_values import repeated_keys
from airflow_bert_service.settings.feeds import Paging

MOST_PAGES = 100_000
"""The most pages of a day. A service with more has a fault in its paging."""
NO_TOTAL = "none"
"""The setting ``http_total`` of a service whose totals count something else."""
_TOTALS = (
    "total",
    "total_count",
    "totalCount",
    "total_items",
    "totalItems",
    "total_results",
    "totalResults",
    "total_elements",
    "totalElements",
    "@odata.count",
)
"""Keys under which services tell the number of all rows."""
_PLACES = ("meta", "metadata", "pagination", "paging", "page")
"""Keys of the objects that these may be in, beside those on the way to the rows."""


class _Missing:
    """Stands for a value that is not there; null is one that is."""


_MISSING = _Missing()


@dataclass(frozen=True, kw_only=True)
class DayPages:
    """How a service hands out a day's rows."""

    conn_id: str
    """The connection's name, for messages."""
    rows_path: str = ""
    """Keys, joined by dots, that lead to the list of rows; empty: the answer is the list."""
    paging: Paging = Paging.NONE
    next_path: str = ""
    """Keys that lead to the next page's address; empty: it is in the header ``Link``."""
    page_parameter: str = "page"
    """Name of the query parameter with the page's number."""
    page_size: int = 0
    """Rows of a full page; 0: not known."""
    total_path: str = ""
    """Keys that lead to the number of all rows; empty: under one of the usual names, if at all; ``none``: nowhere."""

    def read(self, client: WebClient, address: str) -> Iterator[list[object]]:
        """Yield the rows of each page, which may be none.

        Args:
            client: Requests the pages.
            address: Of the first page.

        Raises:
            FeedError: The service refuses, answers something of another form, or has more rows than it handed out.
        """
        follow = self._numbered if self.paging is Paging.NUMBER else self._linked
        total, count = None, 0
        for number, (page, rows) in enumerate(follow(client, address), start=1):
            total = self._total(page) if number == 1 else total
            count += len(rows)
            yield rows
        if total is not None and count < total:
            raise FeedError(
                f"{self.conn_id}: the service tells a total of {total} rows and handed out {count}; allowed: all of "
                "them. Correct [bert_service] http_paging and http_next; if the total counts something else, set "
                f"http_total to the keys of the right one, or to {NO_TOTAL}."
            )

    def _numbered(self, client: WebClient, address: str) -> Iterator[tuple[Page, list[object]]]:
        joint = "&" if urlsplit(address).query else "?"
        before: list[object] = []
        for number in range(1, MOST_PAGES + 1):
            page = client.get(f"{address}{joint}{urlencode({self.page_parameter: number})}", missing_is_empty=True)
            rows = self._rows(page)
            if rows and rows == before:
                raise FeedError(
                    f"{self.conn_id}: page {number} has the same rows as the page before; allowed: a service "
                    f"that pages by the parameter {self.page_parameter}. Correct [bert_service] http_page_parameter or "
                    "http_paging."
                )
            yield page, rows
            if not rows:
                return
            before = rows
        raise self._endless()

    def _linked(self, client: WebClient, address: str) -> Iterator[tuple[Page, list[object]]]:
        seen = {address}
        for number in range(1, MOST_PAGES + 1):
            page = client.get(address, missing_is_empty=number == 1)
            link, rows = self._link(page), self._rows(page)
            if link is _MISSING and number == 1:
                self._check_alone(len(rows))
            yield page, rows
            if not isinstance(link, str) or not link:
                return
            following = urljoin(address, link)
            self._check_next(following, address, seen)
            seen.add(following)
            address = following
        raise self._endless()

    def _link(self, page: Page) -> object:
        """Return the next page's address; empty or None after the last one, ``_MISSING`` where the page is silent."""
        if self.paging is Paging.NONE:
            if page.next_link:
                raise FeedError(
                    f"{self.conn_id}: the header Link names a next page, and [bert_service] http_paging is none; "
                    "allowed: all rows in one answer. Set http_paging to link."
                )
            return ""
        link = _at(page.value, self.next_path) if self.next_path else page.next_link or _MISSING
        if link is None or link is _MISSING or isinstance(link, str):
            return link
        raise FeedError(
            f"{self.conn_id}: {self.next_path} is {str(link)[:100]!r}; allowed: an address, or null after the last "
            "page. Correct [bert_service] http_next."
        )

    def _check_alone(self, rows: int) -> None:
        """Refuse a first page of so many rows that names no next one, unless it is too small for there to be one."""
        if rows < max(self.page_size, 1):
            return
        where = f"no {self.next_path} in the answer" if self.next_path else "no next page in the header Link"
        if self.page_size:
            size, advice = f"of {self.page_size} rows or more, which is a full one (http_page_size)", ""
        else:
            size = f"of {rows} rows"
            advice = (
                " If the service leaves it out after the last page, set http_page_size to the rows of a full page, so "
                "that a smaller one is known to be the last."
            )
        raise FeedError(
            f"{self.conn_id}: the first page, {size}, has {where}; allowed: the next page's address, or null. Correct "
            f"[bert_service] http_next or http_paging.{advice}"
        )

    def _check_next(self, following: str, address: str, seen: set[str]) -> None:
        if urlsplit(following)[:2] != urlsplit(address)[:2]:
            raise FeedError(
                f"{self.conn_id}: the next page is at {place_of(following)}; allowed: the server of the "
                "connection, since it gets the credentials. Use a connection to the server that has the pages."
            )
        if following in seen:
            raise FeedError(
                f"{self.conn_id}: the next page, {place_of(following)}, was read already. Correct the service, "
                "or [bert_service] http_next."
            )

    def _rows(self, page: Page) -> list[object]:
        """Return a page's rows; none where the answer has null in their place."""
        rows = _at(page.value, self.rows_path)
        if rows is None:
            return []
        if isinstance(rows, list):
            return rows
        found = "nothing" if rows is _MISSING else type(rows).__name__
        place = f"at {self.rows_path}" if self.rows_path else "as the whole answer"
        raise FeedError(
            f"{self.conn_id}: {found} {place}; allowed: a list of reviews, or null. Set [bert_service] http_rows "
            "to the keys that lead to it, joined by dots."
        )

    def _total(self, page: Page) -> int | None:
        """Return the number of all rows, where the answer tells it."""
        if self.total_path == NO_TOTAL:
            return None
        if self.total_path:
            found = _at(page.value, self.total_path)
            if isinstance(found, int) and not isinstance(found, bool):
                return found
            if page.value is None:
                return None
            got = "not there" if found is _MISSING else repr(found)[:100]
            raise FeedError(
                f"{self.conn_id}: {self.total_path} is {got}; allowed: the number of all rows. Correct [bert_service] "
                "http_total, or leave it out."
            )
        if page.total is not None:
            return page.total
        found_totals = (place.get(name) for place in self._places(page.value) for name in _TOTALS)
        return next((n for n in found_totals if isinstance(n, int) and not isinstance(n, bool)), None)

    def _places(self, value: object) -> Iterator[Mapping[str, object]]:
        """Yield the objects of an answer that may tell a total."""
        keys = self.rows_path.split(".") if self.rows_path else []
        for count in range(len(keys) - 1, -1, -1):
            inside = _at(value, ".".join(keys[:count]))
            if isinstance(inside, dict):
                yield inside
        if isinstance(value, dict):
            yield from (value[name] for name in _PLACES if isinstance(value.get(name), dict))

    def _endless(self) -> FeedError:
        return FeedError(
            f"{self.conn_id}: more than {MOST_PAGES} pages in a day. Have the service hand out larger pages, or "
            "correct [bert_service] http_paging."
        )


def _at(value: object, path: str) -> object:
    """Return the value at a path of keys, which may have dots themselves; ``_MISSING`` where there is none.

    Null on the way is null at its end.
    """
    if not path or value is None:
        return value
    if not isinstance(value, dict):
        return _MISSING
    keys = path.split(".")
    for count in range(len(keys), 0, -1):
        if (key := ".".join(keys[:count])) in value:
            if key in repeated_keys(value):
                raise FeedError(
                    f"the answer has the key {key} twice in one object; allowed: once. Correct the service."
                )
            found = _at(value[key], ".".join(keys[count:]))
            if found is not _MISSING:
                return found
    return _MISSING
