"""Requests JSON from a web service, and retries while it is busy or broken."""

import datetime as dt
import logging
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from airflow_bert_service.addresses import place_of
from airflow_bert_service.exceptions import FeedError
from airflow_bert_service.feeds.readers.json_values import loads

if TYPE_CHECKING:
    from requests import Response, Session

LARGEST_PAGE = 1 << 26
"""Bytes of an answer."""
LONGEST_BACK_OFF = 60.0
"""Seconds between two tries where the server names no time."""
LONGEST_WAIT = 300.0
"""Seconds that a server may ask to wait; a task that waits longer is better tried again later."""
PIECE = 1 << 16

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Page:
    """A page: the JSON of an answer, and the link to the next page."""

    value: object
    """The parsed JSON; None where the answer has no content (HTTP 204)."""
    next_link: str = ""
    """Address in the header ``Link`` with ``rel="next"``, perhaps relative; empty: there is none."""
    total: int | None = None
    """Number of all rows, by the header ``X-Total-Count``; None: the answer has no such header."""


@dataclass(frozen=True)
class _Busy:
    """An answer without a page, after which a retry may help."""

    why: str
    wait: float | None = None
    """Seconds to wait, by the header ``Retry-After``; None: the answer has no such header."""


@dataclass(frozen=True, kw_only=True)
class WebClient:
    """Requests one page at a time, and retries where that may help: 429, 5xx, no answer, a broken answer.

    Between tries it waits 1, 2, 4 ... seconds, or the time in the header ``Retry-After``. It does not follow redirects:
    they could send credentials to another server.
    """

    session: "Session"
    """Has credentials and headers."""
    timeout: float
    """Seconds to wait for a connection, and for each next piece of an answer."""
    tries: int
    """Tries for a page, 1 or more."""
    sleep: Callable[[float], None] = time.sleep

    def get(self, address: str, *, missing_is_empty: bool = False) -> Page:
        """Request a page.

        Args:
            address: Its address.
            missing_is_empty: Whether HTTP 404 means a page without content.

        Raises:
            FeedError: The server refuses, stays busy, asks for too long a wait, or answers something else than JSON.
        """
        shown = place_of(address)
        for attempt in range(1, self.tries + 1):
            answer = self._ask(address, shown, missing_is_empty=missing_is_empty)
            if isinstance(answer, Page):
                return answer
            self._wait(answer, attempt, shown)
        raise FeedError(
            f"{shown} did not answer in {self.tries} tries; the log has the reasons. Run again when it answers, or "
            "raise [bert_service] http_tries."
        )

    def _wait(self, busy: _Busy, attempt: int, shown: str) -> None:
        _logger.warning("%s: %s (try %d of %d)", shown, busy.why, attempt, self.tries)
        if attempt == self.tries:
            return
        wait = min(2.0 ** (attempt - 1), LONGEST_BACK_OFF) if busy.wait is None else busy.wait
        if wait > LONGEST_WAIT:
            raise FeedError(
                f"{shown} asks to wait {wait:.0f} s; allowed: {LONGEST_WAIT:.0f} s at most. Run again after that time."
            )
        self.sleep(wait)

    def _ask(self, address: str, shown: str, *, missing_is_empty: bool) -> Page | _Busy:
        from requests import exceptions

        try:
            response = self.session.get(address, timeout=self.timeout, stream=True, allow_redirects=False)
            with closing(response):
                if _is_empty(response, shown, missing_is_empty=missing_is_empty):
                    return Page(None)
                if busy := _busy(response, shown):
                    return busy
                body = _body(response, shown)
        except (exceptions.ConnectionError, exceptions.Timeout, exceptions.ChunkedEncodingError) as error:
            return _Busy(f"no whole answer: {type(error).__name__}")
        try:
            value = loads(body)
        except (ValueError, RecursionError):
            raise FeedError(
                f"{shown} answered something else than JSON, beginning with {body[:60]!r}. Check [bert_service] "
                "http_endpoint."
            ) from None
        total = response.headers.get("X-Total-Count", "")
        link = response.links.get("next", {}).get("url", "")
        return Page(value, link, int(total) if total.isascii() and total.isdigit() else None)


def _is_empty(response: "Response", shown: str, *, missing_is_empty: bool) -> bool:
    """Tell whether an answer says that there is nothing."""
    if response.status_code == HTTPStatus.NOT_FOUND and missing_is_empty:
        _logger.warning(
            "%s answered HTTP 404, which counts as no reviews; check [bert_service] http_endpoint if it should have "
            "some",
            shown,
        )
        return True
    return response.status_code == HTTPStatus.NO_CONTENT


def _busy(response: "Response", shown: str) -> _Busy | None:
    status = response.status_code
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _Busy(f"HTTP {status}", _seconds(response.headers.get("Retry-After", "")))
    if status != HTTPStatus.OK:
        to = f" to {place_of(location)}" if (location := response.headers.get("Location")) else ""
        raise FeedError(
            f"{shown} answered HTTP {status}{to}; allowed: 200, or 204 without reviews. Check [bert_service] "
            "http_endpoint, and address and login of the connection http_conn_id."
        )
    return None


def _seconds(retry_after: str) -> float | None:
    """Read the header: a number of seconds, or a date (RFC 9110, 10.2.3)."""
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    try:
        moment = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    now = dt.datetime.now(dt.timezone.utc)
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or dt.timezone.utc) - now).total_seconds())


def _body(response: "Response", shown: str) -> bytes:
    body = bytearray()
    for piece in response.iter_content(PIECE):
        body += piece
        if len(body) > LARGEST_PAGE:
            raise FeedError(
                f"{shown} answered more than {LARGEST_PAGE} bytes, the most allowed of a page. Have the service hand "
                "out smaller pages (a parameter in [bert_service] http_endpoint), and set http_paging."
            )
    return bytes(body)
