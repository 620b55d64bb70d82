"""Reviews in a database: SQLite and PostgreSQL."""

import datetime as dt
import json
import sqlite3
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from airflow_bert_service.exceptions import FeedError, MissingDayError, SettingsError
from airflow_bert_service.feeds import Reason, Rejected, Review, make_feed, screen
from airflow_bert_service.settings.settings import settings_from
from airflow_bert_service.settings.sql_query import bind

from tests.support.postgres import postgres

__all__ = ["postgres"]

DAY = dt.date(2026, 11, 5)
QUERY = "SELECT id, review, sentiment FROM reviews WHERE came >= :start AND came < :end ORDER BY id"


def feed(query: str = QUERY, **values: str) -> Any:
    needed = {"feed": "sql", "sql_conn_id": "reviews", "sql_query": query, "first_day": "2026-11-01"}
    return make_feed(settings_from({**needed, **values}))


# What is bound


def test_bounds_are_bound_and_never_written_into_the_query() -> None:
    assert bind("a >= :start AND a < :end AND b < :end", DAY, placeholder="?") == (
        "a >= ? AND a < ? AND b < ?",
        ("2026-11-05", "2026-11-06", "2026-11-06"),
    )


def test_what_only_looks_like_a_bound_is_left_alone() -> None:
    query = """SELECT ':start', ":end", a::text, '100%' -- :start\n/* :end */ WHERE b % 2 = 0 AND c = :start AND :end"""
    bound, values = bind(query, DAY, placeholder="%s")
    assert bound == (
        """SELECT ':start', ":end", a::text, '100%%' -- :start\n/* :end */ WHERE b %% 2 = 0 AND c = %s AND %s"""
    )
    assert values == ("2026-11-05 00:00:00+00:00", "2026-11-06 00:00:00+00:00")


def test_a_driver_that_nothing_is_known_of() -> None:
    with pytest.raises(FeedError, match=r"placeholder ':1'; known: %s, \?"):
        bind(QUERY, DAY, placeholder=":1")


@pytest.mark.parametrize(
    ("query", "missing"),
    [
        ("SELECT 1 ORDER BY 1", ":start, :end"),
        ("SELECT ':start' WHERE a < :end ORDER BY a", ":start"),
        ("SELECT a WHERE a >= :start AND a < :end", "ORDER BY"),
    ],
)
def test_a_query_that_cannot_be_a_days(query: str, missing: str) -> None:
    with pytest.raises(SettingsError, match=rf"sql_query is .*; missing: {missing}; allowed: .*\. Write it so"):
        feed(query)


# SQLite


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An SQLite file with reviews of the 4th to the 6th, known to Airflow as `reviews`."""
    pytest.importorskip(
        "airflow.providers.sqlite", reason="apache-airflow-providers-sqlite is not installed (requirements/airflow.in)"
    )
    file = tmp_path / "reviews.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE reviews (id INTEGER, came TEXT, review TEXT, sentiment INTEGER)")
        rows = [
            (1, "2026-11-04 23:59:59", "Before.", 0),
            (2, "2026-11-05", "A day.", 1),
            (3, "2026-11-05 00:00:00", "Its first second.", 1),
            (4, "2026-11-05T23:59:59", None, None),
            (5, "2026-11-06 00:00:00", "After.", 0),
        ]
        connection.executemany("INSERT INTO reviews VALUES (?, ?, ?, ?)", rows)
    monkeypatch.setenv("AIRFLOW_CONN_REVIEWS", json.dumps({"conn_type": "sqlite", "host": str(file)}))
    return file


@pytest.mark.usefixtures("database")
def test_a_day_of_an_sqlite_database() -> None:
    rows = list(feed().read(DAY))
    assert [(row.number, row.id, row.text, row.sentiment, row.where) for row in rows] == [
        (1, "2", "A day.", 1, "reviews, row 1"),
        (2, "3", "Its first second.", 1, "reviews, row 2"),
        (3, "4", None, None, "reviews, row 3"),
    ]


@pytest.mark.usefixtures("database")
def test_a_day_without_rows_is_a_missing_day() -> None:
    with pytest.raises(MissingDayError, match="feed sql has no reviews of 2026-11-02"):
        list(feed().delivered(dt.date(2026, 11, 2)))


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("query", "message"),
    [
        (QUERY.replace("review,", "review AS body,"), r"columns are id, body, sentiment; missing: review\. Name them"),
        (QUERY.replace("FROM reviews", "FROM nowhere"), r"reviews, the query of 2026-11-05 cannot be read: .*nowhere"),
    ],
)
def test_a_query_that_does_not_fit_the_database(query: str, message: str) -> None:
    with pytest.raises(FeedError, match=message):
        list(feed(query).read(DAY))


def test_a_connection_that_is_not_there() -> None:
    with pytest.raises(FeedError, match=r"no_such, .*cannot be read: .*no_such.* Check \[bert_service\] sql_conn_id"):
        list(feed(sql_conn_id="no_such").read(DAY))


def test_a_connection_that_is_none_of_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_REVIEWS", "http://127.0.0.1:9")
    with pytest.raises(FeedError, match=r"reviews has the hook HttpHook; allowed: one of a database"):
        list(feed().read(DAY))


# PostgreSQL


@pytest.fixture
def server(postgres: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A connection to a PostgreSQL that Airflow knows as `reviews`; its time zone is New York's."""
    import psycopg

    known = {"conn_type": "postgres", "host": str(postgres), "login": "postgres", "schema": "postgres"}
    monkeypatch.setenv("AIRFLOW_CONN_REVIEWS", json.dumps(known))
    with psycopg.connect(host=str(postgres), user="postgres", dbname="postgres", autocommit=True) as connection:
        yield connection
        connection.execute("DROP TABLE IF EXISTS reviews")


@pytest.mark.parametrize(
    ("column", "moments", "expected"),
    [
        ("timestamptz", ["2026-11-04 23:59:59+00", "2026-11-05 00:00+00", "2026-11-06 00:00+00"], ["2"]),
        ("timestamp", ["2026-11-04 23:59:59", "2026-11-05 23:59:59", "2026-11-06 00:00"], ["2"]),
        ("date", ["2026-11-04", "2026-11-05", "2026-11-06"], ["2"]),
    ],
)
def test_a_day_begins_at_midnight_utc_whatever_the_type_and_the_servers_time_zone(
    server: Any, column: str, moments: list[str], expected: list[str]
) -> None:
    server.execute(f"CREATE TABLE reviews (id int, came {column}, review text, sentiment text)")
    for number, moment in enumerate(moments, start=1):
        server.execute("INSERT INTO reviews VALUES (%s, %s, '100%% warm', 'pos')", [number, moment])
    query = QUERY.replace("came >=", "review LIKE '100%' AND came >=")
    assert [row.id for row in feed(query).read(DAY)] == expected


def test_a_large_day_is_streamed(server: Any) -> None:
    server.execute("CREATE TABLE reviews (id int, came timestamptz, review text, sentiment int)")
    server.execute(
        "INSERT INTO reviews SELECT n, '2026-11-05 12:00+00', repeat('x', 1000), 1 FROM generate_series(1, 50000) n"
    )
    rows = iter(feed().read(DAY))
    next(rows)  # imports and the connection are not what is measured
    tracemalloc.start()
    count = sum(1 for _ in rows)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 49_999
    assert peak < 10_000_000, "of 50,000,000 bytes"


def test_a_reader_that_stops_early_leaves_no_connection_behind(server: Any) -> None:
    server.execute("CREATE TABLE reviews (id int, came timestamptz, review text, sentiment int)")
    server.execute("INSERT INTO reviews SELECT n, '2026-11-05 12:00+00', 'x', 1 FROM generate_series(1, 5000) n")
    rows = feed().read(DAY)
    assert [row.id for row in islice(rows, 2)] == ["1", "2"]
    rows.close()
    server.execute("SET lock_timeout = '5s'")
    server.execute("DROP TABLE reviews")  # would wait for a transaction that is still open


def test_rows_as_mappings(server: Any, postgres: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"conn_type": "postgres", "host": str(postgres), "login": "postgres", "extra": {"cursor": "dictcursor"}}
    monkeypatch.setenv("AIRFLOW_CONN_REVIEWS", json.dumps(known))
    server.execute("CREATE TABLE reviews (id int, came timestamptz, review text, sentiment int)")
    server.execute("INSERT INTO reviews VALUES (1, '2026-11-05 12:00+00', 'Warm.', 1)")
    assert [(row.id, row.text) for row in feed().read(DAY)] == [("1", "Warm.")]


# Columns that come twice, and texts in no encoding


@pytest.fixture
def sqlite_reviews(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    """A SQLite database that Airflow knows as `reviews`."""
    monkeypatch.setenv("AIRFLOW_CONN_REVIEWS", json.dumps({"conn_type": "sqlite", "host": f"{tmp_path}/reviews.db"}))
    with closing(sqlite3.connect(tmp_path / "reviews.db", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE reviews (id, came, review, sentiment)")
        yield connection


def test_a_join_with_a_column_twice_is_refused_with_its_name(sqlite_reviews: sqlite3.Connection) -> None:
    sqlite_reviews.execute("INSERT INTO reviews VALUES (1, '2026-11-05', 'Warm.', 'pos')")
    query = (
        "SELECT * FROM reviews a JOIN reviews b ON a.id = b.id WHERE a.came >= :start AND a.came < :end ORDER BY a.id"
    )
    with pytest.raises(FeedError, match=r"the query has the columns id, review, sentiment twice or more, .* each once"):
        list(feed(query).read(DAY))


def test_texts_of_sqlite_that_are_no_utf_8_reject_their_rows_alone(sqlite_reviews: sqlite3.Connection) -> None:
    sqlite_reviews.execute("INSERT INTO reviews VALUES (1, '2026-11-05', CAST(x'63616ee974' AS TEXT), 'pos')")
    sqlite_reviews.execute("INSERT INTO reviews VALUES (2, '2026-11-05', x'5761726d2e', x'706f73')")
    bad, good = screen(feed().read(DAY), day=DAY, labels={"pos": "positive", "neg": "negative"})
    assert isinstance(bad, Rejected)
    assert (bad.id, bad.reason, bad.excerpt) == ("1", Reason.BAD_ENCODING, "can?t")
    assert isinstance(good, Review)
    assert (good.id, good.text, good.sentiment) == ("2", "Warm.", "positive"), "a BLOB is read as UTF-8"


def test_texts_of_a_database_without_encoding_reject_their_rows_alone(
    server: Any, postgres: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psycopg

    server.execute("CREATE DATABASE raw ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
    known = {"conn_type": "postgres", "host": str(postgres), "login": "postgres", "schema": "raw"}
    monkeypatch.setenv("AIRFLOW_CONN_REVIEWS", json.dumps(known))
    with psycopg.connect(host=str(postgres), user="postgres", dbname="raw", autocommit=True) as connection:
        connection.execute("CREATE TABLE reviews (id int, came date, review text, sentiment text, raw bytea)")
        connection.execute(
            b"INSERT INTO reviews VALUES (1, '2026-11-05', 'can\xe9t', 'pos', NULL), "
            b"(2, '2026-11-05', 'Gr\xc3\xb6\xc3\x9fer.', 'neg', 'Warm.')"
        )
    assert [row.text for row in feed().read(DAY)] == ["can\udce9t", "Größer."]
    query = QUERY.replace("review, sentiment", "raw AS review, sentiment")
    assert [row.text for row in feed(query).read(DAY)] == [None, "Warm."]
