"""The feed `http` reads reviews from a web service: a real server in a thread, whose answers each test sets."""

import datetime as dt
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from airflow_bert_service.exceptions import FeedError, MissingDayError, SettingsError
from airflow_bert_service.feeds import Columns, make_feed
from airflow_bert_service.feeds.paging import DayPages
from airflow_bert_service.feeds.readers.rows import Reason
from airflow_bert_service.feeds.web import WebFeed
from airflow_bert_service.settings.feeds import Paging
from airflow_bert_service.settings.settings import settings_from

from tests.support.loopback import HOST, serving

DAY = dt.date(2026, 11, 5)
ROW_1 = {"id": 1, "review": "Warm.", "sentiment": "pos"}
ROW_2 = {"id": 2, "review": "Dull.", "sentiment": "neg"}


def unknown(_: int) -> tuple[int, Any, dict[str, str]]:
    return 404, {}, {}


class Service:
    """A web service on loopback. `answer` maps a path with its query to a function of how often it was asked for."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[int], tuple[int, Any, dict[str, str]]]] = {}
        self.asked: list[str] = []
        self.headers: list[Any] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service.asked.append(self.path)
                service.headers.append(self.headers)
                answer = service.answers.get(self.path, unknown)
                status, body, headers = answer(service.asked.count(self.path))
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                with suppress(ConnectionError):  # of a client that waits no longer
                    self.end_headers()
                    self.wfile.write(content)

        self.handler = Handler
        self.port = 0

    def answer(self, path: str, body: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.answers[path] = lambda _: (status, body, headers or {})

    def in_turn(self, path: str, *answers: tuple[int, Any, dict[str, str]]) -> None:
        self.answers[path] = lambda times: answers[min(times, len(answers)) - 1]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A service that Airflow knows as `reviews`."""
    made = Service()
    with serving(made.handler) as made.port:
        connection = {
            "conn_type": "http",
            "host": HOST,
            "port": made.port,
            "login": "user",
            "password": "secret",
            "extra": {"X-Key": "key"},
        }
        monkeypatch.setenv("AIRFLOW_CONN_REVIEWS", json.dumps(connection))
        yield made


def feed(**values: Any) -> WebFeed:
    paging = {name: values.pop(name) for name in DayPages.__dataclass_fields__ if name in values and name != "conn_id"}
    pages = DayPages(**{"conn_id": "reviews", **paging})
    given = {"conn_id": "reviews", "endpoint": "/day/{date}", "begin": dt.date(2026, 11, 1), "end": None, **values}
    return WebFeed(**{"columns": Columns(), "sleep": [].append, "pages": pages, **given})


def ids(made: WebFeed) -> list[str]:
    return [row.id for row in made.read(DAY)]


# Pages


def test_a_day_in_one_answer(service: Service) -> None:
    service.answer("/reviews?from=2026-11-05&to=2026-11-06", [ROW_1, "no object", {"id": 3}])
    rows = list(feed(endpoint="/reviews?from={date}&to={next_date}").read(DAY))
    assert [(row.number, row.id, row.text, row.sentiment, row.problem) for row in rows] == [
        (1, "1", "Warm.", "pos", None),
        (2, "", None, None, Reason.WRONG_COLUMNS),
        (3, "3", None, None, Reason.WRONG_COLUMNS),
    ]
    assert rows[1].where == "reviews, page 1, row 2"


def test_the_connections_login_and_headers_are_sent(service: Service) -> None:
    service.answer("/day/2026-11-05", [ROW_1])
    assert ids(feed()) == ["1"]
    assert (service.headers[0]["Authorization"], service.headers[0]["X-Key"]) == ("Basic dXNlcjpzZWNyZXQ=", "key")


def test_links_in_the_answer(service: Service) -> None:
    service.answer("/day/2026-11-05", {"data": {"items": [ROW_1]}, "links": {"next": "?cursor=b"}})
    service.answer("/day/2026-11-05?cursor=b", {"data": {"items": [ROW_2]}, "links": {"next": None}})
    linked = feed(paging=Paging.LINK, rows_path="data.items", next_path="links.next")
    assert [(row.number, row.id, row.where) for row in linked.read(DAY)] == [
        (1, "1", "reviews, page 1, row 1"),
        (2, "2", "reviews, page 2, row 1"),
    ]


def test_links_in_the_header(service: Service) -> None:
    link = f'<http://127.0.0.1:{service.port}/more>; rel="next", </first>; rel="first"'
    service.answer("/day/2026-11-05", [ROW_1], headers={"Link": link})
    service.answer("/more", [ROW_2])
    assert ids(feed(paging=Paging.LINK)) == ["1", "2"]


def test_numbers_until_a_page_is_empty(service: Service) -> None:
    for number, rows in enumerate([[ROW_1], [ROW_2], []], start=1):
        service.answer(f"/reviews?day=2026-11-05&p={number}", rows)
    assert ids(feed(endpoint="/reviews?day={date}", paging=Paging.NUMBER, page_parameter="p")) == ["1", "2"]


def test_a_page_is_requested_when_the_previous_one_is_used_up(service: Service) -> None:
    service.answer("/day/2026-11-05?page=1", [ROW_1, ROW_2])
    rows = feed(paging=Paging.NUMBER).read(DAY)
    next(rows)
    assert service.asked == ["/day/2026-11-05?page=1"]


def test_a_day_without_rows_is_a_missing_day(service: Service) -> None:
    service.answer("/day/2026-11-05", [])
    with pytest.raises(MissingDayError, match="feed http has no reviews of 2026-11-05"):
        list(feed().delivered(DAY))


# Days without reviews


@pytest.mark.parametrize(
    "answer", [(404, {"error": "none"}, {}), (204, b"", {}), (200, None, {}), (200, {"items": None}, {}), (200, {}, {})]
)
@pytest.mark.parametrize("paging", Paging)
def test_a_day_without_reviews_may_be_told_in_many_ways(
    service: Service, answer: tuple[int, Any, dict[str, str]], paging: Paging
) -> None:
    path = "/day/2026-11-05?page=1" if paging is Paging.NUMBER else "/day/2026-11-05"
    service.in_turn(path, answer)
    made = feed(paging=paging, rows_path="items", next_path="next")
    if answer == (200, {}, {}):
        with pytest.raises(FeedError, match="nothing at items; allowed: a list of reviews, or null"):
            ids(made)
    else:
        assert ids(made) == []


def test_a_page_in_the_middle_that_is_gone_is_an_error(service: Service) -> None:
    service.answer("/day/2026-11-05", {"rows": [ROW_1], "next": "/more"})
    with pytest.raises(FeedError, match="/more answered HTTP 404; allowed: 200"):
        ids(feed(paging=Paging.LINK, rows_path="rows", next_path="next"))


def test_a_key_that_comes_twice_is_refused(service: Service) -> None:
    service.answer("/day/2026-11-05", b'{"rows": [{"id": 1}], "rows": []}')
    with pytest.raises(FeedError, match="the answer has the key rows twice in one object; allowed: once"):
        ids(feed(rows_path="rows"))


# Rows that are missing


@pytest.mark.parametrize("key", ["@odata.nextLink", "paging.next", "next"])
def test_a_key_may_have_dots_itself(service: Service, key: str) -> None:
    service.answer("/day/2026-11-05", {"d.value": [ROW_1], key: "/more"})
    service.answer("/more", {"d.value": [ROW_2]})
    assert ids(feed(paging=Paging.LINK, rows_path="d.value", next_path=key)) == ["1", "2"]


@pytest.mark.parametrize("next_path", ["@odata.nextlink", ""])
def test_a_first_page_that_names_no_next_one_may_not_be_all(service: Service, next_path: str) -> None:
    service.answer("/day/2026-11-05", {"rows": [ROW_1, ROW_2], "@odata.nextLink": "/more"})
    where = "no @odata.nextlink in the answer" if next_path else "no next page in the header Link"
    with pytest.raises(FeedError, match=rf"the first page, of 2 rows, has {where}; .* set http_page_size to the rows"):
        ids(feed(paging=Paging.LINK, rows_path="rows", next_path=next_path))


def test_a_page_that_is_not_full_is_the_last_one(service: Service) -> None:
    service.answer("/day/2026-11-05", {"rows": [ROW_1, ROW_2]})
    linked = {"paging": Paging.LINK, "rows_path": "rows", "next_path": "next"}
    assert ids(feed(**linked, page_size=3)) == ["1", "2"]
    with pytest.raises(FeedError, match=r"the first page, of 2 rows or more, which is a full one \(http_page_size\)"):
        ids(feed(**linked, page_size=2))


def test_a_next_page_in_the_header_is_not_left_out(service: Service) -> None:
    service.answer("/day/2026-11-05", [ROW_1], headers={"Link": '</more>; rel="next"'})
    with pytest.raises(FeedError, match=r"the header Link names a next page, and .* http_paging is none"):
        ids(feed())


@pytest.mark.parametrize(
    ("answer", "headers"),
    [
        ({"data": {"items": [ROW_1]}, "total": 30}, {}),
        ({"data": {"items": [ROW_1], "totalCount": 30}}, {}),
        ({"data": {"items": [ROW_1]}, "meta": {"total_count": 30}}, {}),
        ({"data": {"items": [ROW_1]}, "@odata.count": 30}, {}),
        ({"data": {"items": [ROW_1]}}, {"X-Total-Count": "30"}),
    ],
)
def test_the_rows_have_to_reach_the_total_that_the_service_tells(
    service: Service, answer: dict[str, Any], headers: dict[str, str]
) -> None:
    service.answer("/day/2026-11-05", answer, headers=headers)
    with pytest.raises(FeedError, match=r"a total of 30 rows and handed out 1; .* http_total to .*, or to none"):
        ids(feed(rows_path="data.items"))
    assert ids(feed(rows_path="data.items", total_path="none")) == ["1"]


def test_the_total_may_be_anywhere(service: Service) -> None:
    service.answer("/day/2026-11-05", {"rows": [ROW_1], "total": 900, "of.day": {"n": 1}})
    assert ids(feed(rows_path="rows", total_path="of.day.n")) == ["1"]
    with pytest.raises(FeedError, match=r"of\.day\.m is not there; allowed: the number of all rows"):
        ids(feed(rows_path="rows", total_path="of.day.m"))


# Pages that never end


def test_a_service_that_does_not_know_page_numbers(service: Service) -> None:
    service.answers = {f"/day/2026-11-05?page={n}": lambda _: (200, [ROW_1], {}) for n in (1, 2)}
    with pytest.raises(FeedError, match=r"page 2 has the same rows as the page before; .* by the parameter page\."):
        ids(feed(paging=Paging.NUMBER))


def test_links_in_a_circle(service: Service) -> None:
    service.answer("/day/2026-11-05", {"rows": [ROW_1], "next": "/day/2026-11-05"})
    with pytest.raises(FeedError, match="/day/2026-11-05, was read already"):
        ids(feed(paging=Paging.LINK, rows_path="rows", next_path="next"))


@pytest.mark.parametrize("link", ["http://localhost:9/more", "https://127.0.0.1/more", "//elsewhere.invalid/more"])
def test_a_link_to_another_server_is_not_followed(service: Service, link: str) -> None:
    service.answer("/day/2026-11-05", {"rows": [ROW_1], "next": link})
    with pytest.raises(FeedError, match="allowed: the server of the connection, since it gets the credentials"):
        ids(feed(paging=Paging.LINK, rows_path="rows", next_path="next"))


# Trying again


def test_busy_servers_are_asked_again_after_longer_and_longer_waits(service: Service) -> None:
    waits: list[float] = []
    busy: list[Any] = [(status, {}, {}) for status in (500, 429, 503)]
    service.in_turn("/day/2026-11-05", *busy, (200, [ROW_1], {}))
    assert ids(feed(sleep=waits.append)) == ["1"]
    assert waits == [1, 2, 4]


def test_the_server_says_how_long_to_wait(service: Service) -> None:
    waits: list[float] = []
    soon = dt.datetime.now(dt.timezone.utc) + dt.timedelta(seconds=100)
    service.in_turn(
        "/day/2026-11-05",
        (429, {}, {"Retry-After": "7"}),
        (503, {}, {"Retry-After": format_datetime(soon, usegmt=True)}),
        (503, {}, {"Retry-After": "later"}),
        (200, [ROW_1], {}),
    )
    assert ids(feed(sleep=waits.append)) == ["1"]
    assert waits == [7, pytest.approx(99, abs=10), 4]


def test_a_server_that_wants_too_long_a_wait(service: Service) -> None:
    service.answer("/day/2026-11-05", {}, status=429, headers={"Retry-After": "3600"})
    with pytest.raises(FeedError, match=r"asks to wait 3600 s; allowed: 300 s at most\. Run again after"):
        ids(feed())


def test_a_server_that_stays_busy(service: Service) -> None:
    waits: list[float] = []
    service.answer("/day/2026-11-05", {}, status=502)
    with pytest.raises(FeedError, match=r"/day/2026-11-05 did not answer in 3 tries; .* raise .* http_tries"):
        ids(feed(tries=3, sleep=waits.append))
    assert (len(service.asked), waits) == (3, [1, 2])


def test_an_incomplete_answer_is_requested_again(service: Service) -> None:
    half = (200, json.dumps([ROW_1]).encode()[:10], {"Content-Length": "1000", "Connection": "close"})
    service.in_turn("/day/2026-11-05", half, (200, [ROW_1], {}))
    assert ids(feed()) == ["1"]


def test_a_request_that_times_out_is_retried(service: Service) -> None:
    done = threading.Event()

    def slow(times: int) -> tuple[int, Any, dict[str, str]]:
        if times == 1:
            done.wait(10)
        return 200, [ROW_1], {}

    service.answers["/day/2026-11-05"] = slow
    begin = time.monotonic()
    assert ids(feed(timeout=0.2)) == ["1"]
    assert time.monotonic() - begin < 5
    done.set()


@pytest.mark.parametrize("status", [301, 401, 410])
def test_a_refusal_is_not_tried_again(service: Service, status: int) -> None:
    service.answer("/day/2026-11-05?key=secret", {}, status=status, headers={"Location": "/other?key=secret"})
    with pytest.raises(
        FeedError, match=rf"/day/2026-11-05 answered HTTP {status} to /other; allowed: 200, or 204"
    ) as raised:
        ids(feed(endpoint="/day/{date}?key=secret"))
    assert len(service.asked) == 1
    assert "secret" not in str(raised.value)


# Answers of another form


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html>", r"answered something else than JSON, beginning with b'<html>'"),
        (b"[" * 100_000, r"answered something else than JSON"),
        (
            {"rows": [ROW_1]},
            r"nothing at data\.items; allowed: a list of reviews, or null\. Set \[bert_service\] http_rows",
        ),
        ({"data": {"items": "none"}}, r"str at data\.items"),
        ({"data": {"items": []}, "next": 2}, r"next is '2'; allowed: an address, or null"),
    ],
)
def test_answers_of_another_form(service: Service, body: Any, message: str) -> None:
    service.answer("/day/2026-11-05", body)
    with pytest.raises(FeedError, match=message):
        ids(feed(rows_path="data.items", paging=Paging.LINK, next_path="next"))


def test_a_page_that_is_too_large(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_bert_service.feeds.download.web_client.LARGEST_PAGE", 1000)
    service.answer("/day/2026-11-05", [ROW_1] * 100)
    with pytest.raises(FeedError, match="answered more than 1000 bytes"):
        ids(feed())


# Settings


def test_the_settings_reach_the_feed(service: Service) -> None:
    service.answer("/d?date=2026-11-05", {"items": [{"key": 1, "body": "Warm.", "stars": "positive"}], "more": ""})
    made = make_feed(
        settings_from(
            {
                "feed": "http",
                "first_day": "2026-11-01",
                "http_conn_id": "reviews",
                "http_endpoint": "d?date={date}",
                "http_rows": "items",
                "http_paging": "link",
                "http_next": "more",
                "id_column": "key",
                "text_column": "body",
                "sentiment_column": "stars",
            }
        )
    )
    assert [review.text for review in made.delivered(DAY)] == ["Warm."]


def test_what_the_feed_needs() -> None:
    with pytest.raises(SettingsError, match=r"feed http needs .*; missing: http_conn_id, http_endpoint, first_day"):
        settings_from({"feed": "http"})


def test_a_connection_that_is_not_there() -> None:
    with pytest.raises(FeedError, match=r"no_such, the reviews of 2026-11-05 cannot be read: .* \[bert_service\] http"):
        ids(feed(conn_id="no_such"))
