"""The texts of a day to score: any feed's, with or without labels, and no row is left out."""

import datetime as dt
import json
import sqlite3
from pathlib import Path

import pytest
from airflow_bert_service.exceptions import FeedError, MissingDayError
from airflow_bert_service.feeds import make_feed
from airflow_bert_service.feeds.readers.reviews import LONGEST_ID, LONGEST_REVIEW
from airflow_bert_service.scoring.texts import DayText, texts_of
from airflow_bert_service.settings.settings import settings_from

DAY = dt.date(2026, 11, 5)


def read(settings: dict[str, str], day: dt.date = DAY) -> list[DayText]:
    return list(texts_of(make_feed(settings_from(settings)), day))


def files(folder: Path, name: str, content: str) -> dict[str, str]:
    (folder / name).write_text(content, encoding="utf-8")
    return {"feed": "files", "first_day": "2026-11-01", "files_pattern": f"{folder}/{{date}}{Path(name).suffix}"}


def test_a_csv_file_needs_no_labels(tmp_path: Path) -> None:
    settings = files(tmp_path, "2026-11-05.csv", 'id,review\na,A fine film.\n,"Slow, and long"\nc,Été 电影\n')
    assert read(settings) == [
        DayText(1, "a", "A fine film."),
        DayText(2, None, "Slow, and long"),
        DayText(3, "c", "Été 电影"),
    ]


def test_labels_that_are_there_are_not_looked_at(tmp_path: Path) -> None:
    settings = files(tmp_path, "2026-11-05.csv", "sentiment,review,id\nwhat is this,A fine film.,a\n,Slow.,b\n")
    assert read(settings) == [DayText(1, "a", "A fine film."), DayText(2, "b", "Slow.")]


def test_a_file_without_texts_is_an_error_that_names_the_column(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match=r"the columns are id, body; missing, or there twice: review"):
        read(files(tmp_path, "2026-11-05.csv", "id,body\na,A fine film.\n"))


def test_json_lines_need_no_labels(tmp_path: Path) -> None:
    rows = [{"id": 7, "review": "A fine film."}, {"id": "b"}, {"review": "Slow."}, {"id": None, "review": "Long."}]
    settings = files(tmp_path, "2026-11-05.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    assert read(settings) == [
        DayText(1, "7", "A fine film."),
        DayText(2, "b", "", "wrong_columns"),
        DayText(3, None, "", "wrong_columns"),
        DayText(4, None, "Long."),
    ]


def test_a_query_needs_no_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = tmp_path / "reviews.db"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE reviews (id, review, at)")
        connection.execute(
            "INSERT INTO reviews VALUES (1, 'A fine film.', '2026-11-05 10:00'), (2, NULL, '2026-11-05')"
        )
    monkeypatch.setenv("AIRFLOW_CONN_REVIEWS", json.dumps({"conn_type": "sqlite", "host": str(database)}))
    query = "SELECT id, review FROM reviews WHERE at >= :start AND at < :end ORDER BY id"
    settings = {"feed": "sql", "first_day": "2026-11-01", "sql_conn_id": "reviews", "sql_query": query}
    assert read(settings) == [DayText(1, "1", "A fine film."), DayText(2, "2", "", "no_text")]


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ({"id": "a", "review": ""}, "no_text"),
        ({"id": "a", "review": " \n"}, "no_text"),
        ({"id": "a", "review": ["a list"]}, "no_text"),
        ({"id": "a", "review": "x" * (LONGEST_REVIEW + 1)}, "too_long"),
        ({"id": "a" * (LONGEST_ID + 1), "review": "Fine."}, "too_long"),
        ({"id": "a", "review": "Fi\0ne."}, "nul"),
        ({"id": "a", "review": "half a pair \ud83d"}, "bad_encoding"),
    ],
)
def test_a_row_that_cannot_be_scored_has_its_reason_and_the_rows_around_it_stay(
    tmp_path: Path, row: dict[str, object], error: str
) -> None:
    rows = [{"id": "first", "review": "Fine."}, row, {"id": "last", "review": "Slow."}]
    settings = files(tmp_path, "2026-11-05.jsonl", "".join(json.dumps(each) + "\n" for each in rows))
    first, bad, last = read(settings)
    assert (first, last) == (DayText(1, "first", "Fine."), DayText(3, "last", "Slow."))
    assert (bad.row, bad.text, bad.error) == (2, "", error)
    assert str(row["id"]).startswith(str(bad.id))


def test_rows_of_the_same_id_or_text_stay(tmp_path: Path) -> None:
    settings = files(tmp_path, "2026-11-05.csv", "id,review\na,Fine.\na,Fine.\n")
    assert read(settings) == [DayText(1, "a", "Fine."), DayText(2, "a", "Fine.")]


def test_the_sample_feed_is_read_as_it_is() -> None:
    texts = read({})
    assert [text.row for text in texts] == list(range(1, len(texts) + 1))
    assert len(texts) > 50
    assert sum(text.error is None for text in texts) > 50


@pytest.mark.parametrize("day", [dt.date(2026, 10, 31), dt.date(2026, 11, 6)])
def test_a_day_that_the_feed_lacks_is_missing(tmp_path: Path, day: dt.date) -> None:
    with pytest.raises(MissingDayError, match=f"feed files has no reviews of {day}"):
        read(files(tmp_path, "2026-11-05.csv", "id,review\na,Fine.\n"), day)
