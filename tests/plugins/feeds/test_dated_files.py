"""Reviews in files by date: on a disk, and on an S3."""

import datetime as dt
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk._shared.secrets_masker import redact
from airflow_bert_service.exceptions import BadInputError, FeedError, MissingDayError
from airflow_bert_service.feeds import RawRow, Reason, make_feed, screen
from airflow_bert_service.feeds.readers import row_days
from airflow_bert_service.feeds.readers.row_days import day_of
from airflow_bert_service.ingestion.span_store import SpanStore
from airflow_bert_service.settings.settings import settings_from
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.plugins.s3 import new_bucket, s3_address

__all__ = ["s3_address"]

DAY = dt.date(2026, 11, 5)
HEADER = "id,review,sentiment\n"


def feed(pattern: str, **values: str) -> Any:
    return make_feed(settings_from({"feed": "files", "files_pattern": pattern, "first_day": "2026-11-01", **values}))


def read(pattern: str, **values: str) -> list[RawRow]:
    return list(feed(pattern, **values).read(DAY))


# On a disk


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_day_is_the_files_that_the_pattern_names_in_their_names_order(tmp_path: Path, scheme: str) -> None:
    folder = tmp_path / "dt=2026-11-05"
    folder.mkdir()
    (folder / "b.csv").write_text(HEADER + "3,Dull.,neg\n")
    (folder / "a.csv").write_text(HEADER + '1,"Warm, funny.",pos\n2,Loud.,neg\n')
    (folder / "_SUCCESS").touch()
    rows = read(f"{scheme}{tmp_path}/dt={{date}}/*.csv")
    assert [(row.number, row.id, row.text, row.sentiment) for row in rows] == [
        (1, "1", "Warm, funny.", "pos"),
        (2, "2", "Loud.", "neg"),
        (3, "3", "Dull.", "neg"),
    ]
    assert rows[2].where.endswith(f"{folder}/b.csv, row 1")


def test_the_date_may_be_spread_over_folders(tmp_path: Path) -> None:
    (tmp_path / "2026" / "11").mkdir(parents=True)
    (tmp_path / "2026" / "11" / "05.csv").write_text(HEADER + "1,Warm.,pos\n")
    assert len(read(f"{tmp_path}/{{date:%Y/%m/%d}}.csv")) == 1


def test_json_lines_zipped_with_other_names_for_the_columns(tmp_path: Path) -> None:
    lines = [{"key": 7, "body": "Warm.", "stars": 1, "more": []}, {"key": None, "body": None, "stars": True}]
    (tmp_path / "2026-11-05.jsonl.gz").write_bytes(gzip.compress("\n\n".join(map(json.dumps, lines)).encode()))
    names = {"id_column": "key", "text_column": "body", "sentiment_column": "stars"}
    rows = read(f"{tmp_path}/{{date}}.jsonl.gz", **names)
    assert [(row.number, row.id, row.text, row.sentiment, row.problem) for row in rows] == [
        (1, "7", "Warm.", 1, None),
        (2, "", None, True, None),
    ]


def test_a_relative_pattern_counts_from_the_project(tmp_path: Path) -> None:
    (tmp_path / "2026-11-05.csv").write_text(HEADER + "1,Warm.,positive\n")
    rows = list(feed("{date}.csv", root=str(tmp_path)).delivered(DAY))
    assert [(row.id, row.text, row.sentiment) for row in rows] == [("1", "Warm.", "positive")]


def test_a_day_without_a_file_is_a_missing_day_that_names_the_path(tmp_path: Path) -> None:
    with pytest.raises(MissingDayError, match=f"no reviews of 2026-11-05: there is no file {tmp_path}/2026-11-05.csv"):
        read(f"{tmp_path}/{{date}}.csv")


def test_a_day_whose_files_are_empty_is_a_missing_day(tmp_path: Path) -> None:
    (tmp_path / "2026-11-05.csv").write_text(HEADER)
    with pytest.raises(MissingDayError, match="feed files has no reviews of 2026-11-05"):
        list(feed(f"{tmp_path}/{{date}}.csv").delivered(DAY))


def test_one_file_of_several_days_has_a_column_with_the_date(tmp_path: Path) -> None:
    lines = [
        "created,id,review,sentiment",
        "2026-11-04,1,Warm.,pos",
        "2026-11-05 23:59:00,2,Loud.,neg",
        "2026-11-06T00:30:00+01:00,3,Dull.,neg",
        "2026-11-06T00:30:00Z,4,Long.,neg",
        " 2026-11-05 ,5,Fine.,pos",
    ]
    (tmp_path / "all.csv").write_text("\n".join(lines))
    rows = read(f"{tmp_path}/all.csv", files_date_column="created")
    assert [(row.number, row.id, row.text, row.sentiment, row.problem) for row in rows] == [
        (1, "2", "Loud.", "neg", None),
        (2, "3", "Dull.", "neg", None),
        (3, "5", "Fine.", "pos", None),
    ]
    assert rows[2].where.endswith("all.csv, row 5"), "of the file"


def test_a_row_without_a_date_is_rejected_on_each_day_and_a_bad_row_on_its_own(tmp_path: Path) -> None:
    dates = ["soon", 20261105, None, "2026-11-05", "2026-11-04"]
    lines = [{"id": str(n), "review": "Warm.", "sentiment": "pos", "at": date} for n, date in enumerate(dates)]
    del lines[3]["review"], lines[4]["review"]
    (tmp_path / "2026-11.jsonl").write_text("\n".join(map(json.dumps, [*lines, {"id": "5"}])))
    rows = read(f"{tmp_path}/{{date:%Y-%m}}.jsonl", files_date_column="at")
    assert [(row.id, row.problem) for row in rows] == [
        ("0", Reason.NO_DATE),
        ("1", Reason.NO_DATE),
        ("2", Reason.NO_DATE),
        ("3", Reason.WRONG_COLUMNS),
        ("5", Reason.WRONG_COLUMNS),
    ]


def test_a_row_in_the_file_of_another_day_is_rejected_since_no_day_reads_it(tmp_path: Path) -> None:
    lines = [
        "at,id,review,sentiment",
        "2026-11-05T00:30:00+01:00,1,Warm.,pos",
        "2026-11-05T12:00:00+01:00,2,Loud.,neg",
        "2026-11-06T00:30:00Z,3,Dull.,",
        "2027-01-01,4,Long.,neg",
    ]
    (tmp_path / "2026-11-05.csv").write_text("\n".join(lines))
    rows = read(f"{tmp_path}/{{date}}.csv", files_date_column="at")
    assert [(row.id, row.problem) for row in rows] == [
        ("1", Reason.OTHER_DAY),
        ("2", None),
        ("3", Reason.OTHER_DAY),
        ("4", Reason.OTHER_DAY),
    ]


def test_a_day_that_is_cut_at_midnight_elsewhere_is_refused_with_dates_and_the_way_out(tmp_path: Path) -> None:
    hours = [f"2026-11-05T{hour:02}:00:00+02:00" for hour in range(24)]
    lines = [f"{at},{n},Film {n}.,pos" for n, at in enumerate([*hours, "soon"])]
    (tmp_path / "2026-11-05.csv").write_text("\n".join(["at,id,review,sentiment", *lines]))
    made = feed(f"{tmp_path}/{{date}}.csv", files_date_column="at")
    rows = screen(made.read(DAY), day=DAY, labels=settings_from({}).rules.labels)
    with pytest.raises(BadInputError) as raised:
        SpanStore(tmp_path / "spans", 0.05).write(DAY, rows, source=made.name)
    told = str(raised.value)
    assert (
        "The dates of 2 rows are of other days than their file's, and no day reads these rows: cut files at midnight "
        "UTC, or take {date} out of [bert_service] files_pattern." in told
    )
    assert "2026-11-05.csv, row 1, date '2026-11-05T00:00:00+02:00'); row 2: other_day (" in told
    kept = [json.loads(line) for line in (tmp_path / "spans" / "refused" / f"{DAY}.jsonl").read_text().splitlines()]
    assert [(row["reason"], row["date"]) for row in kept] == [
        ("other_day", "2026-11-05T00:00:00+02:00"),
        ("other_day", "2026-11-05T01:00:00+02:00"),
        ("no_date", "soon"),
    ]


PATTERNS = ("all.csv", "{date:%Y-%m}.csv", "{date:%G-%V}.csv", "{date}.csv")


@given(
    dates=st.lists(st.dates(dt.date(2026, 1, 20), dt.date(2026, 3, 10)), max_size=30),
    pattern=st.sampled_from(PATTERNS),
    day=st.dates(dt.date(2026, 2, 1), dt.date(2026, 2, 28)),
)
def test_each_row_of_a_file_is_read_for_its_day_or_rejected_on_one_of_the_files_days(
    dates: list[dt.date], pattern: str, day: dt.date
) -> None:
    def place_of(one: dt.date) -> str:
        return pattern.format(date=one)

    file = [RawRow(n, str(n), "Warm.", "pos", f"row {n}", date=f"{date}") for n, date in enumerate(dates)]
    days_of_file = [
        one for one in (day + dt.timedelta(days=n) for n in range(-60, 60)) if place_of(one) == place_of(day)
    ]
    # Each of the file's days has a row, so that none is missing.
    file += [RawRow(0, "own", "Warm.", "pos", "", date=f"{one}") for one in days_of_file]
    read = [row for one in days_of_file for row in row_days.rows_of(one, file, place_of) if row.id != "own"]
    assert sorted((int(row.id), row.problem) for row in read) == [
        (n, None if place_of(date) == place_of(day) else Reason.OTHER_DAY) for n, date in enumerate(dates)
    ]


@pytest.mark.parametrize("undated", ["", "soon,2,Cold.,neg\n"], ids=["all dated", "one without a date"])
def test_a_day_of_which_the_file_has_no_row_is_a_missing_day(tmp_path: Path, undated: str) -> None:
    (tmp_path / "all.csv").write_text(f"at,id,review,sentiment\n2026-11-04,1,Warm.,pos\n{undated}")
    with pytest.raises(MissingDayError, match="feed files has no reviews of 2026-11-05"):
        list(feed(f"{tmp_path}/all.csv", files_date_column="at").delivered(DAY))


def test_a_file_that_has_only_rows_of_other_days_is_told_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "2026-11-05.csv").write_text("at,id,review,sentiment\n2026-11-04,1,Warm.,pos\nsoon,2,Cold.,neg\n")
    with pytest.raises(MissingDayError, match="feed files has no reviews of 2026-11-05"):
        list(feed(f"{tmp_path}/{{date}}.csv", files_date_column="at").delivered(DAY))
    assert "no row is of 2026-11-05, and 2 rows are read for no day" in caplog.text
    assert "2026-11-05.csv, row 1, with the date '2026-11-04'" in caplog.text


def test_a_file_without_the_column_of_dates(tmp_path: Path) -> None:
    (tmp_path / "all.csv").write_text(HEADER + "1,Warm.,pos\n")
    with pytest.raises(FeedError, match=r"missing, or there twice: at\. .*files_date_column"):
        read(f"{tmp_path}/all.csv", files_date_column="at")


def test_a_file_of_which_nothing_has_a_date_is_rejected_and_not_kept_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_days, "MOST_HELD", 3)
    rows = [RawRow(n, str(n), "Warm.", "pos", f"row {n}", date="soon") for n in range(1, 6)]
    assert list(row_days.rows_of(DAY, rows[:3], str)) == []
    found = list(row_days.rows_of(DAY, rows, str))
    assert [(row.number, row.id, row.problem) for row in found] == [(n, str(n), Reason.NO_DATE) for n in range(1, 6)]


@given(moment=st.datetimes(), offset=st.integers(-1439, 1439), day=st.dates())
def test_a_moment_is_of_its_day_in_utc_however_its_offset_is_written(
    moment: dt.datetime, offset: int, day: dt.date
) -> None:
    try:
        there = moment.replace(tzinfo=dt.timezone.utc).astimezone(dt.timezone(dt.timedelta(minutes=offset)))
    except OverflowError:  # no such year there
        assume(False)
    assert day_of(there.isoformat()) == day_of(f" {moment.isoformat(' ')} ") == moment.date()
    assert day_of(day.isoformat()) == day


@pytest.mark.parametrize("value", ["", "today", "05.11.2026", "0001-01-01T00:30:00+01:00", 20261105, None, True])
def test_what_is_no_date(value: object) -> None:
    assert day_of(value) is None


def test_a_file_of_an_unknown_kind(tmp_path: Path) -> None:
    (tmp_path / "2026-11-05.xlsx").touch()
    with pytest.raises(
        FeedError, match=r"2026-11-05\.xlsx has the unknown ending '\.xlsx'; allowed: \.csv, \.jsonl, \.ndjson"
    ):
        read(f"{tmp_path}/{{date}}.*")


def test_a_file_without_a_column(tmp_path: Path) -> None:
    (tmp_path / "2026-11-05.csv").write_text("id,text,sentiment\n1,Warm.,pos\n")
    with pytest.raises(FeedError, match=r"the columns are id, text, sentiment; missing, .*: review\. .*text_column"):
        read(f"{tmp_path}/{{date}}.csv")


def test_a_file_with_a_column_twice(tmp_path: Path) -> None:
    (tmp_path / "2026-11-05.csv").write_text("id,review,review,sentiment\n1,Warm.,Dull.,pos\n")
    with pytest.raises(FeedError, match=r"missing, or there twice: review\. Correct the header"):
        read(f"{tmp_path}/{{date}}.csv")


def test_hidden_files_beside_the_days_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "2026-11-05.csv").write_text(HEADER + "1,Warm.,pos\n")
    (tmp_path / "._2026-11-05.csv").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X")
    (tmp_path / ".hidden-2026-11-05.csv").write_text(HEADER + "1,Warm.,pos\n")
    assert [row.id for row in read(f"{tmp_path}/*{{date}}.csv")] == ["1"]
    assert "hidden files are left out" in caplog.text
    assert [row.id for row in read(f"{tmp_path}/.hidden-{{date}}.csv")] == ["1"], "whoever names it gets it"


def test_a_file_in_utf_16_is_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "2026-11-05.csv").write_text(HEADER + "1,Warm.,pos\n", encoding="utf-16")
    with pytest.raises(FeedError, match=r"2026-11-05.csv is no UTF-8: .* UTF-16 .* Save the file as UTF-8") as raised:
        read(f"{tmp_path}/{{date}}.csv")
    assert "\0" not in str(raised.value)


def test_the_index_of_pandas_has_no_name(tmp_path: Path) -> None:
    (tmp_path / "2026-11-05.csv").write_text(",review,sentiment\n1,Warm.,pos\n")
    with pytest.raises(FeedError, match=r"columns are '' \(no name\), review, sentiment; .* with index_label='id'"):
        read(f"{tmp_path}/{{date}}.csv")


def test_a_key_that_comes_twice_rejects_its_row(tmp_path: Path) -> None:
    lines = [
        '{"id": 1, "review": "Warm.", "review": "Dull.", "sentiment": "pos"}',
        '{"id": 2, "review": "Warm.", "sentiment": "pos", "x": {"id": 1, "id": 2}, "y": 1, "y": 2}',
    ]
    (tmp_path / "2026-11-05.jsonl").write_text("\n".join(lines))
    first, second = read(f"{tmp_path}/{{date}}.jsonl")
    assert first.problem is Reason.REPEATED_COLUMN
    assert first.where.endswith("/2026-11-05.jsonl, line 1, review twice")
    assert second.problem is None, "other keys do not matter"


def test_a_damaged_archive(tmp_path: Path) -> None:
    (tmp_path / "2026-11-05.csv.gz").write_bytes(gzip.compress(b"id,review,sentiment\n" * 1000)[:-20])
    with pytest.raises(FeedError, match=r"2026-11-05\.csv\.gz cannot be read: EOFError"):
        read(f"{tmp_path}/{{date}}.csv.gz")


# Days


def test_the_days_are_set() -> None:
    bounded = feed("{date}.csv", last_day="2026-11-03")
    assert (bounded.first_day, bounded.last_day) == (dt.date(2026, 11, 1), dt.date(2026, 11, 3))
    with pytest.raises(MissingDayError, match="its days are 2026-11-01 to 2026-11-03"):
        list(bounded.delivered(DAY))


def test_without_a_last_day_more_come_in() -> None:
    assert feed("{date}.csv").last_day is None


# On an S3


@pytest.fixture
def bucket(s3_address: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A new bucket, and the Airflow connection `reviews_s3` to the S3 that has it."""
    return new_bucket(s3_address, "reviews", monkeypatch)


def test_a_day_on_an_s3_comes_in_and_is_corrected(bucket: Any) -> None:
    pattern = f"s3://{bucket.name}/reviews/dt={{date}}/*.csv"
    with pytest.raises(MissingDayError, match=rf"there is no file s3://{bucket.name}/reviews/dt=2026-11-05/\*\.csv"):
        read(pattern, files_conn_id="reviews_s3")
    bucket.put_object(Key="reviews/dt=2026-11-05/a.csv", Body=(HEADER + "1,Warm.,pos\n").encode())
    bucket.put_object(Key="reviews/dt=2026-11-06/a.csv", Body=(HEADER + "9,Other.,pos\n").encode())
    [row] = read(pattern, files_conn_id="reviews_s3")
    assert (row.id, row.where) == ("1", f"s3://reviews_s3@{bucket.name}/reviews/dt=2026-11-05/a.csv, row 1")
    bucket.put_object(Key="reviews/dt=2026-11-05/a.csv", Body=(HEADER + "1,Warm.,pos\n2,Dull.,neg\n").encode())
    assert [row.id for row in read(pattern, files_conn_id="reviews_s3")] == ["1", "2"]


@pytest.mark.usefixtures("bucket")
def test_a_bucket_that_is_not_there() -> None:
    with pytest.raises(FeedError, match=r"s3://nowhere-at-all/2026-11-05\.csv"):
        read("s3://nowhere-at-all/{date}.csv", files_conn_id="reviews_s3")


def test_a_connection_that_is_not_there_is_not_passed_over(bucket: Any) -> None:
    with pytest.raises(FeedError, match=r"cannot be read: .*no_such_connection.* Check \[bert_service\] files_pattern"):
        read(f"s3://{bucket.name}/{{date}}.csv", files_conn_id="no_such_connection")


# Credentials in the address


def test_credentials_in_the_address_reach_no_error_and_are_masked_in_logs() -> None:
    with pytest.raises(FeedError, match=r"cannot be read") as raised:
        read("s3://user:S3CRET@bucket/{date}.csv?token=S3CRET")
    assert "S3CRET" not in str(raised.value)
    assert raised.value.__suppress_context__  # else a log would show the library's error, too
    assert "S3CRET" not in str(redact("the connection user:S3CRET is none"))


def test_credentials_in_the_address_reach_neither_quarantine_nor_manifest_nor_refusal(tmp_path: Path) -> None:
    folder = tmp_path / "d?token=S3CRET"
    folder.mkdir()
    (folder / "2026-11-05.csv").write_text(HEADER + "1,Warm.,positive\n2,,positive\n")
    labels = settings_from({}).rules.labels
    for share in (1.0, 0.1):
        rows = screen(feed(f"file://{folder}/{{date}}.csv").delivered(DAY), day=DAY, labels=labels)
        store = SpanStore(tmp_path / "spans", share)
        if share == 1.0:
            store.write(DAY, rows, source="files")
        else:
            with pytest.raises(BadInputError, match=r"row 2: no_text \(file://.*/d\?\*\*\*") as raised:
                store.write(DAY, rows, source="files")
            assert "S3CRET" not in str(raised.value)
    written = [file.read_text() for file in (tmp_path / "spans").rglob("*") if file.is_file()]
    assert any("no_text" in text for text in written)
    assert not any("S3CRET" in text for text in written)
