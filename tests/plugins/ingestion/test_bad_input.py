"""Whatever a file holds: nothing breaks, every row is accounted for once, and what was let in reads back."""

import csv
import datetime as dt
import gzip
import io
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from airflow_bert_service.exceptions import BadInputError, FeedError
from airflow_bert_service.feeds import Columns, RawRow, Reason, Rejected, Review, make_feed, screen
from airflow_bert_service.feeds.readers.row_files import read_csv_rows, read_json_rows
from airflow_bert_service.ingestion.span_store import SpanStore
from airflow_bert_service.ingestion.span_writer import write_day
from airflow_bert_service.settings.settings import settings_from
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

DAY = dt.date(2026, 11, 5)
LABELS = settings_from({}).rules.labels
CORPUS = Path(__file__).parents[1] / "data" / "hostile"
HEADER = b"id,review,sentiment\n"

# What is in the corpus of hostile files: rows by what the screening says of each.
EXPECTED: dict[str, dict[str, int]] = {
    "bom_crlf.csv": {"good": 2},
    "broken.jsonl": {"good": 2, "wrong_columns": 9, "bad_encoding": 2, "nul": 1},
    "columns.csv": {"good": 1, "wrong_columns": 9},
    "empty.csv": {},
    "forged_rows.csv": {"good": 3, "wrong_columns": 1},
    "injection.csv": {"good": 5},
    "labels.csv": {"good": 7, "unknown_label": 3},
    "latin1.csv": {"good": 1, "bad_encoding": 2},
    "long_texts.csv": {"good": 1, "too_long": 2},
    "no_newline_at_end.csv": {"good": 1},
    "nul.csv": {"good": 1, "nul": 2, "unknown_label": 1, "wrong_columns": 1},
    "old_mac.csv": {"good": 1, "wrong_columns": 1},
    "only_header.csv": {},
    "overlong_utf8.csv": {"good": 1, "bad_encoding": 4},
    "quotes_everywhere.csv": {"good": 3, "no_text": 2, "wrong_columns": 3, "unclosed_quote": 1},
    "random.csv": {"wrong_columns": 24, "bad_encoding": 1},
    "separators.csv": {"good": 2, "no_text": 1},
    "types.jsonl": {"good": 2, "no_id": 2, "no_text": 1, "unknown_label": 2, "repeated_column": 1},
    "unclosed_quotes.csv": {"good": 3, "unclosed_quote": 3},
}
REFUSED = {
    "utf16.csv": r"is no UTF-8: its header has bytes as UTF-16 has them",
    "truncated.csv.gz": r"cannot be read: EOFError",
    "not_zipped.csv.gz": r"cannot be read: BadGzipFile",
    "header_open.csv": r"the header is no line of CSV in UTF-8 \(unclosed_quote\)",
}

# Bytes of which many are nearly a delivery.
PIECES = [
    b"1",
    b"2",
    b",",
    b'"',
    b'""',
    b"\n",
    b"\r\n",
    b"\0",
    b"\xff",
    b"pos",
    b"neg",
    b"?",
    b" ",
    b"Warm.",
    b"1,Warm.,pos\n",
]
PIECES += [b'2,"Warm.\nDull.",neg\n', b'3,"Warm.,pos\n', "4,\u00e9\u2028,neg\n".encode()]
CSV_LIKE = st.binary(max_size=300) | st.lists(st.sampled_from(PIECES), max_size=60).map(b"".join)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["1", "2", "pos", "neg", "Warm."])
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
OBJECTS = st.fixed_dictionaries({}, optional={"id": VALUES, "review": VALUES, "sentiment": VALUES})
JSON_LIKE = st.lists(st.binary(max_size=60) | OBJECTS.map(lambda value: json.dumps(value).encode()), max_size=10).map(
    b"\n".join
)


def csv_rows(content: bytes) -> Iterator[RawRow]:
    return read_csv_rows(io.BytesIO(HEADER + content), Columns(), where="f")


def json_rows(content: bytes) -> Iterator[RawRow]:
    return read_json_rows(io.BytesIO(content), Columns(), where="f")


def judged(rows: Iterator[RawRow]) -> list[Review | Rejected]:
    return list(screen(rows, day=DAY, labels=LABELS))


def reasons(rows: Iterator[RawRow]) -> list[Reason | None]:
    return [row.reason if isinstance(row, Rejected) else None for row in judged(rows)]


# One row


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"1,Warm.", Reason.WRONG_COLUMNS),
        (b"1,Warm.,pos,more", Reason.WRONG_COLUMNS),
        (b'1,"Warm" and funny,pos', Reason.WRONG_COLUMNS),
        (b"1,Caf\xe9.,pos", Reason.BAD_ENCODING),
        (b"\xe9,Warm.,pos", Reason.BAD_ENCODING),
        (b"1,Wa\0rm.,pos", Reason.NUL),
        (b"\0,Warm.,pos", Reason.NUL),
        (b"1," + b"x" * 100_001 + b",pos", Reason.TOO_LONG),
        (b"1," + b"x" * 3_000_000 + b",pos", Reason.TOO_LONG),
        (b"1" * 1_001 + b",Warm.,pos", Reason.TOO_LONG),
        (b'1,"Warm.,pos', Reason.UNCLOSED_QUOTE),
        (b"1,,pos", Reason.NO_TEXT),
        ("1,\u00a0\t,pos".encode(), Reason.NO_TEXT),
        (b" ,Warm.,pos", Reason.NO_ID),
        (b"1,Warm.,", Reason.UNKNOWN_LABEL),
        (b"1,Warm.,great", Reason.UNKNOWN_LABEL),
        (b"1,Warm.,\xff", Reason.UNKNOWN_LABEL),
        (b"1,Warm., POS ", None),
        (b"1,Warm.,TRUE", None),
        (b"1," + b"x" * 100_000 + b",0", None),
    ],
)
def test_a_row_of_a_csv_file(line: bytes, reason: Reason | None) -> None:
    assert reasons(csv_rows(b"0,Good.,pos\n" + line + b"\n2,Good too.,neg")) == [None, reason, None]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"no json", Reason.WRONG_COLUMNS),
        (b"[1]", Reason.WRONG_COLUMNS),
        (b"null", Reason.WRONG_COLUMNS),
        (b'{"id": 1}', Reason.WRONG_COLUMNS),
        (b"[" * 100_000, Reason.WRONG_COLUMNS),
        (b'{"id": ' + b"9" * 5_000 + b', "review": "Warm.", "sentiment": 1}', Reason.WRONG_COLUMNS),
        (b'{"id": 1, "review": "Caf\xe9", "sentiment": 1}', Reason.BAD_ENCODING),
        (rb'{"id": 1, "review": "\ud800", "sentiment": 1}', Reason.BAD_ENCODING),
        (rb'{"id": 1, "review": "A\u0000B", "sentiment": 1}', Reason.NUL),
        (b'{"id": "' + b"x" * 3_000_000 + b'"}', Reason.TOO_LONG),
        (b'{"id": 1, "review": null, "sentiment": 1}', Reason.NO_TEXT),
        (b'{"id": 1, "review": 7, "sentiment": 1}', Reason.NO_TEXT),
        (b'{"id": null, "review": "Warm.", "sentiment": 1}', Reason.NO_ID),
        (b'{"id": [1], "review": "Warm.", "sentiment": 1}', Reason.NO_ID),
        (b'{"id": 1, "review": "Warm.", "sentiment": null}', Reason.UNKNOWN_LABEL),
        (b'{"id": 1, "review": "Warm.", "sentiment": {}}', Reason.UNKNOWN_LABEL),
        (b'{"id": 1, "review": "Warm.", "sentiment": NaN}', Reason.UNKNOWN_LABEL),
        (b'{"id": 1, "review": "Warm.", "sentiment": 2}', Reason.UNKNOWN_LABEL),
        (b'{"id": 1, "review": "Warm.", "sentiment": 1' + b"0" * 400 + b"}", Reason.UNKNOWN_LABEL),
        (b'{"id": 1, "review": "Warm.", "sentiment": 1.0}', None),
        (b'{"id": 1, "review": "Warm.", "sentiment": false}', None),
    ],
)
def test_a_line_of_a_json_lines_file(line: bytes, reason: Reason | None) -> None:
    good = b'{"id": 2, "review": "Warm.", "sentiment": 1}'
    assert reasons(json_rows(line + b"\n\n" + good)) == [reason, None]


def test_the_tail_of_a_long_line_of_json_is_no_row() -> None:
    forged = b'{"id": 9, "review": "Forged.", "sentiment": 1}'
    assert reasons(json_rows(b'"' + b"x" * (1 << 20) + forged)) == [Reason.TOO_LONG]


def test_the_text_of_a_rejected_row_is_cut() -> None:
    (row,) = judged(csv_rows(b'7,"' + b"x\n\xff" * 500 + b'",pos\n'))
    assert row == Rejected(1, Reason.BAD_ENCODING, "7", "f, row 1", ("x\n?" * 500)[:200], sentiment="positive")


# A day


def day_of(folder: Path, *rows: tuple[str, str, str]) -> tuple[list[str], list[dict[str, Any]]]:
    """What is left of a day of rows: the ids of its reviews, and its quarantine."""
    raw = (RawRow(number, *row, f"row {number} of it") for number, row in enumerate(rows, start=1))
    summary = write_day(folder, screen(raw, day=DAY, labels=LABELS))
    with (folder / "reviews.csv").open(encoding="utf-8", newline="") as file:
        reviews = list(csv.DictReader(file))
    quarantine = folder / "quarantine.jsonl"
    bad = [json.loads(line) for line in quarantine.read_text().splitlines()] if quarantine.exists() else []
    assert (summary.reviews, summary.rejected) == (len(reviews), Counter(row["reason"] for row in bad))
    assert {path.name for path in folder.iterdir()} == {"reviews.csv"} | ({"quarantine.jsonl"} if bad else set())
    return [review["id"] for review in reviews], bad


def test_the_first_of_several_rows_with_an_id_counts(tmp_path: Path) -> None:
    long = "x" * 100
    ids, bad = day_of(tmp_path, ("1", "A", "pos"), (long, "B", "pos"), ("1", "C", "neg"), (long, "D", "neg"))
    assert ids == ["1", long]
    assert [(row["row"], row["reason"], row["id"], row["text"]) for row in bad] == [
        (3, "duplicate_id", "1", "C"),
        (4, "duplicate_id", long, "D"),
    ]


def test_all_rows_of_a_text_with_both_labels_are_rejected(tmp_path: Path) -> None:
    others = [(f"o{number}", f"Other {number}", "pos") for number in range(100)]
    rows = [
        ("1", 'A "B"\nC', "pos"),
        *others,
        ("2", 'A "B" C', "1"),
        *((f"p{id_}", text, label) for id_, text, label in others),
    ]
    ids, bad = day_of(tmp_path, *rows, ("3", 'A "B"\rC', "neg"))
    assert len(ids) == 200
    assert [(row["row"], row["reason"], row["id"], row["text"], row["where"]) for row in bad] == [
        (1, "contradicting_labels", "1", 'A "B" C', "row 1 of it"),
        (102, "contradicting_labels", "2", 'A "B" C', "row 102 of it"),
        (203, "contradicting_labels", "3", 'A "B" C', "row 203 of it"),
    ]


def test_a_repeated_row_with_the_other_label_rejects_the_first_one_too(tmp_path: Path) -> None:
    ids, bad = day_of(tmp_path, ("1", "A", "pos"), ("1", "A", "neg"), ("2", "B", "neg"))
    assert ids == ["2"]
    assert sorted((row["row"], row["reason"]) for row in bad) == [(1, "contradicting_labels"), (2, "duplicate_id")]


def test_a_repeated_text_with_the_same_label_is_accepted(tmp_path: Path) -> None:
    assert day_of(tmp_path, ("1", "A", "pos"), ("2", "A", "positive")) == (["1", "2"], [])


def test_ids_that_are_one_when_they_are_written_are_one(tmp_path: Path) -> None:
    ids, bad = day_of(tmp_path, ("a\nb", "A", "pos"), ("a b", "B", "pos"))
    assert (ids, [row["reason"] for row in bad]) == (["a b"], ["duplicate_id"])


def test_too_many_bad_rows_leave_the_day_as_it_was(tmp_path: Path) -> None:
    store = SpanStore(tmp_path, max_bad_share=0.25)
    good = [RawRow(number, f"r{number}", f"Film {number}", "pos", f"row {number}") for number in (1, 2, 3)]
    bad = RawRow(4, "r4", "", "pos", "row 4")

    def write(*rows: RawRow) -> Any:
        return store.write(DAY, screen(rows, day=DAY, labels=LABELS), source="files")

    assert write(*good, bad).manifest.rejected == {"no_text": 1}
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / str(DAY)).rglob("*")}
    with pytest.raises(BadInputError, match=r"2 of 5 rows cannot be used, a share of 0\.4; allowed: 0\.25"):
        write(*good, bad, bad._replace(number=5))
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / str(DAY)).rglob("*")}
    assert len((tmp_path / "refused" / f"{DAY}.jsonl").read_text().splitlines()) == 2
    assert not list(tmp_path.glob("*-*-*/**/*refused*"))


def test_a_day_without_a_usable_row_is_refused_whatever_the_share(tmp_path: Path) -> None:
    rows = screen([RawRow(1, "1", "", "pos", "f")], day=DAY, labels=LABELS)
    with pytest.raises(BadInputError, match=r"1 of 1 rows .* allowed: 1, and one usable row at least"):
        SpanStore(tmp_path, max_bad_share=1).write(DAY, rows, source="files")


# The whole way, with anything


def bring_in(content: bytes, ending: str) -> None:
    """Bring a file in, and check what became of its rows."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / f"{DAY}{ending}").write_bytes(content)
        pattern = f"{folder}/{{date}}{ending}"
        feed = make_feed(settings_from({"feed": "files", "first_day": str(DAY), "files_pattern": pattern}))
        rows = list(screen(feed.read(DAY), day=DAY, labels=LABELS))
        assert [row.number for row in rows] == list(range(1, len(rows) + 1))
        expected = usable(rows)
        store = SpanStore(folder / "spans", max_bad_share=1)
        if rows and not expected:
            with pytest.raises(BadInputError, match="one usable row at least"):
                store.write(DAY, rows, source=feed.name)
            return
        manifest = store.write(DAY, rows, source=feed.name).manifest
        span = folder / "spans" / str(DAY) / "v1"
        with (span / "reviews.csv").open(encoding="utf-8", newline="") as file:
            assert [tuple(row.values()) for row in csv.DictReader(file)] == list(expected.values())
        quarantine = span / "quarantine.jsonl"
        bad = quarantine.read_text(encoding="utf-8").split("\n")[:-1] if quarantine.exists() else []
        assert sorted([*expected, *(json.loads(line)["row"] for line in bad)]) == [row.number for row in rows]
        assert (manifest.rows, sum(manifest.rejected.values())) == (len(expected), len(bad))


def usable(rows: list[Review | Rejected]) -> dict[int, tuple[str, str, str, str]]:
    """What has to be in the span, by row: worked out in the plainest way."""
    reviews = [row for row in rows if isinstance(row, Review)]
    labels: dict[str, set[str]] = {}
    for row in reviews:
        labels.setdefault(written(row.text), set()).add(row.sentiment)
    first = {written(row.id): row.number for row in reversed(reviews)}
    return {
        row.number: (written(row.id), str(DAY), written(row.text), row.sentiment)
        for row in reviews
        if first[written(row.id)] == row.number and len(labels[written(row.text)]) == 1
    }


def written(text: str) -> str:
    return text.replace("\r", " ").replace("\n", " ").replace("\0", " ")


@hypothesis_settings(max_examples=50)
@given(CSV_LIKE)
def test_any_csv_file_comes_in(content: bytes) -> None:
    bring_in(HEADER + content, ".csv")


@hypothesis_settings(max_examples=50)
@given(JSON_LIKE)
def test_any_json_lines_file_comes_in(content: bytes) -> None:
    bring_in(content, ".jsonl")


@hypothesis_settings(max_examples=50)
@given(
    st.binary(max_size=100) | st.binary(max_size=20).map(lambda end: gzip.compress(HEADER + b"1,Warm.,pos")[:-1] + end)
)
def test_any_zipped_file_comes_in_or_is_said_to_be_damaged(content: bytes) -> None:
    with suppress(FeedError):
        bring_in(content, ".csv.gz")


@given(st.binary(max_size=100))
def test_any_header_is_read_or_refused(content: bytes) -> None:
    with suppress(FeedError):
        assert not any(read_csv_rows(io.BytesIO(content), Columns(), where="f"))


# The corpus of hostile files


@pytest.mark.parametrize("name", EXPECTED)
def test_a_hostile_file(name: str) -> None:
    content = (CORPUS / name).read_bytes()
    ending = name[name.index(".") :]
    bring_in(content, ending)
    rows = read_json_rows if ending == ".jsonl" else read_csv_rows
    found = Counter(
        reason.value if reason else "good" for reason in reasons(rows(io.BytesIO(content), Columns(), where="f"))
    )
    assert dict(found) == EXPECTED[name]


def test_every_file_of_the_corpus_is_tried() -> None:
    assert {path.name for path in CORPUS.iterdir()} == {*EXPECTED, *REFUSED}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_cannot_be_read_at_all(name: str) -> None:
    with pytest.raises(FeedError, match=REFUSED[name]):
        bring_in((CORPUS / name).read_bytes(), name[name.index(".") :])


# Labels that are not known, and labels that are written otherwise


@pytest.mark.parametrize("label", ["1", "1.0", " 1.00 ", "+1", 1, 1.0, Decimal("1.000"), True])
def test_a_label_is_the_same_however_it_is_written(label: object) -> None:
    labels = settings_from({"labels": "positive: 1.0, true; negative: 0"}).rules.labels
    (found,) = screen([RawRow(1, "1", "Warm.", label, "f")], day=DAY, labels=labels)
    assert isinstance(found, Review)
    assert found.sentiment == "positive"


def test_the_message_shows_which_labels_are_not_known(tmp_path: Path) -> None:
    found = ["3.0"] * 5 + ["neutral"] * 3 + ["?"] * 2 + ["!"] + ["pos"] * 10
    rows = [RawRow(n, str(n), f"Film {n}.", label, "f") for n, label in enumerate(found, start=1)]
    with pytest.raises(BadInputError) as raised:
        SpanStore(tmp_path, 0.1).write(DAY, screen(rows, day=DAY, labels=LABELS), source="files")
    assert (
        "Unknown labels, the most frequent: '3.0' (5 rows), 'neutral' (3 rows), '?' (2 rows); [bert_service] labels "
        "says which are known." in str(raised.value)
    )
    kept = [json.loads(line) for line in (tmp_path / "refused" / f"{DAY}.jsonl").read_text().splitlines()]
    assert kept[0]["label"] == "3.0"
