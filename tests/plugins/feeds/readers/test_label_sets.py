"""Rows of a multilabel task: any number of labels, in the forms that sources have them."""

import csv
import datetime as dt
import io
import json
from pathlib import Path

import pytest
from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.feeds.readers.label_sets import LabelSets
from airflow_bert_service.feeds.readers.reviews import Review
from airflow_bert_service.feeds.readers.row_files import Columns, read_csv_rows, read_json_rows
from airflow_bert_service.feeds.readers.rows import RawRow
from airflow_bert_service.feeds.readers.screening import Rejected, screen
from airflow_bert_service.ingestion.holdout import find_holdout
from airflow_bert_service.ingestion.sets_of_labels import label_sets
from airflow_bert_service.ingestion.span_writer import QUARANTINE, write_day
from airflow_bert_service.pipeline.labels import normal_label, read_set, set_text
from airflow_bert_service.pipeline.task import MULTICLASS, MULTILABEL, Task
from airflow_bert_service.settings.row_rules import labels_for
from airflow_bert_service.settings.settings import settings_from
from hypothesis import given
from hypothesis import strategies as st

from tests.support.label_names import labels

DAY = dt.date(2026, 11, 5)
TICKETS = Task(kind=MULTILABEL, labels=("billing", "fault", "order"))
CALLED = {"billing": "billing", "invoice": "billing", "2": "fault", "fault": "fault", "order": "order"}


def sets(separator: str = ",") -> LabelSets:
    return LabelSets(CALLED, TICKETS.labels, separator)


def judged(rows: list[RawRow], reader: LabelSets) -> list[Review | Rejected]:
    return list(screen(rows, day=DAY, labels=CALLED, sets=reader))


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("fault", ["fault"]),
        ("order, Invoice", ["billing", "order"]),
        ("order,billing,order,", ["billing", "order"]),
        ("", []),
        ("  ", []),
        ("[]", []),
        ('["order", 2]', ["fault", "order"]),
        (["order", "fault"], ["fault", "order"]),
        ([2, "FAULT"], ["fault"]),
        ([], []),
        (2, ["fault"]),
        ({"billing": 0, "fault": True, "order": "1"}, ["fault", "order"]),
        ({"billing": "false", "fault": 0.0, "order": "0"}, []),
    ],
)
def test_a_row_carries_labels_as_a_text_a_list_or_a_column_of_each(value: object, found: list[str]) -> None:
    assert sets().read(value) == json.dumps(found)


@pytest.mark.parametrize(
    ("value", "unknown"),
    [
        ("order, returns, refund", "returns,refund"),
        (["order", None], "None"),
        (None, "None"),
        ([["order"]], "['order']"),
        ('["order"', '["order"'),
        ({"billing": "", "fault": 2, "order": 1}, "billing=,fault=2"),
        ("order;fault", "order;fault"),
    ],
)
def test_one_unknown_label_rejects_the_row_and_is_named(value: object, unknown: str) -> None:
    (row,) = judged([RawRow(1, "a", "Late again.", value, "f")], sets())
    assert isinstance(row, Rejected)
    assert (row.reason.value, row.label) == ("unknown_label", unknown)


@given(labels(4), st.data())
def test_any_set_of_any_labels_comes_in_as_a_list_and_as_a_text(names: tuple[str, ...], data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(names), max_size=6))
    called = {normal_label(name): name for name in names}
    expected = tuple(name for name in names if name in chosen)
    for separator in (",", "|", "::"):
        reader = LabelSets(called, names, separator)
        as_list = reader.read(chosen)
        assert as_list is not None
        assert read_set(as_list) == expected
        assert reader.read(json.dumps(chosen)) in (
            as_list,
            *([set_text([json.dumps(chosen)])] * (json.dumps(chosen) in names)),
        )
        if not any(separator[0] in name or name.startswith("[") for name in names):
            assert reader.read(f" {separator} ".join(chosen)) == as_list


def test_csv_and_json_lines_give_the_same_reviews() -> None:
    text = "id,review,tags\na,Late.,order|fault\nb,Thanks.,\nc,Wrong sum.,invoice\n"
    lines = [{"id": "a", "review": "Late.", "tags": ["order", "fault"]}, {"id": "b", "review": "Thanks.", "tags": []}]
    lines.append({"id": "c", "review": "Wrong sum.", "tags": "invoice"})
    columns = Columns(sentiment="tags")
    csv_rows = list(read_csv_rows(io.BytesIO(text.encode()), columns, where="f"))
    json_rows = list(read_json_rows(io.BytesIO("\n".join(map(json.dumps, lines)).encode()), columns, where="f"))
    found = [
        [(row.id, row.sentiment) for row in judged(rows, sets("|")) if isinstance(row, Review)]
        for rows in (csv_rows, json_rows)
    ]
    assert found[0] == found[1] == [("a", '["fault", "order"]'), ("b", "[]"), ("c", '["billing"]')]


def test_a_column_of_each_label_is_read_from_csv_and_json() -> None:
    columns = Columns(label_columns=("billing", "2", "order"))
    text = "2,id,order,review,billing,other\n1,a,0,Late.,0,x\n0,b,0,Thanks.,0,x\n1,c,1,All.,yes,x\n"
    rows = list(read_csv_rows(io.BytesIO(text.encode()), columns, where="f"))
    first, second, third = judged(rows, sets())
    assert isinstance(first, Review)
    assert isinstance(second, Review)
    assert (first.sentiment, second.sentiment) == ('["fault"]', "[]")
    assert isinstance(third, Rejected)
    assert third.label == "billing=yes"
    line = json.dumps({"id": "a", "review": "Late.", "billing": True, "2": 0, "order": 1})
    (found,) = judged(list(read_json_rows(io.BytesIO(line.encode()), columns, where="f")), sets())
    assert isinstance(found, Review)
    assert found.sentiment == '["billing", "order"]'


def test_a_text_with_two_sets_of_labels_contradicts_itself(tmp_path: Path) -> None:
    rows = [RawRow(n, f"r{n}", "Late.", value, "f") for n, value in enumerate((["order"], ["order", "fault"]), start=1)]
    rows.append(RawRow(3, "r3", "Thanks.", [], "f"))
    summary = write_day(tmp_path, judged(rows, sets()))
    assert summary.reviews == 1
    assert dict(summary.rejected) == {"contradicting_labels": 2}
    assert (tmp_path / QUARANTINE).read_text().count("contradicting_labels") == 2


def test_thousands_of_sets_are_checked_for_contradictions(tmp_path: Path) -> None:
    names = tuple(f"l{n}" for n in range(12))
    reader = LabelSets({name: name for name in names}, names, ",")
    chosen = [[name for n, name in enumerate(names) if number >> n & 1] for number in range(1, 2000)]
    rows = [RawRow(n, f"r{n}", f"Text {n // 2 * 2 if n > 1990 else n}.", each, "f") for n, each in enumerate(chosen)]
    summary = write_day(tmp_path, screen(rows, day=DAY, labels={}, sets=reader))
    assert summary.rejected["contradicting_labels"] == 8


@pytest.mark.parametrize(
    ("given", "task", "message"),
    [
        (
            {"label_columns": "a, b"},
            Task(kind=MULTICLASS, labels=("a", "b")),
            r"label_columns is a, b; allowed: none, with task\.kind multiclass, of which a review has one label",
        ),
        (
            {"label_columns": "billing, fault, returns"},
            TICKETS,
            r"none of the labels: returns; no column of: order; allowed: a column of each label \(billing, fault, o",
        ),
        ({"label_columns": "billing, fault, order, Order"}, TICKETS, r"allowed: a column of each label .* once"),
    ],
)
def test_columns_of_labels_that_do_not_fit_the_task(given: dict[str, str], task: Task, message: str) -> None:
    settings = settings_from(given)
    with pytest.raises(SettingsError, match=message):
        label_sets(settings, task, labels_for(task, settings.rules.labels))


def test_a_separator_is_a_sign() -> None:
    with pytest.raises(SettingsError, match=r"label_separator is 'and'; allowed: one to three characters that are no"):
        settings_from({"label_separator": "and"})


@pytest.mark.parametrize(
    ("content", "more"),
    [
        ("review,sentiment\nLate.,fault|order\nThanks.,\n", {"label_separator": "|"}),
        ('review,sentiment\nLate.,"[""order"", ""fault""]"\nThanks.,[]\n', {}),
        ("review,billing,fault,order\nLate.,0,1,1\nThanks.,0,0,0\n", {"label_columns": "billing, fault, order"}),
        ('review,sentiment\nLate.,"[""order"", ""fault""]"\nThanks.,[]\n', {"label_columns": "billing, fault, order"}),
    ],
)
def test_a_holdout_has_sets_of_labels_as_the_feed_has_them(tmp_path: Path, content: str, more: dict[str, str]) -> None:
    (tmp_path / "own-v1.csv").write_text(content)
    found = find_holdout(settings_from({"root": str(tmp_path), "holdout": "own-v1.csv", **more}), TICKETS)
    assert found
    with Path(found.path).open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [["review", "sentiment"], ["Late.", '["fault", "order"]'], ["Thanks.", "[]"]]
