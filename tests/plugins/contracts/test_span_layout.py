"""The Airflow side writes and reads spans as contract 6 says."""

import datetime as dt
from pathlib import Path

import pytest
from airflow_bert_service.exceptions import (
    BadInputError,
)
from airflow_bert_service.feeds import Review
from airflow_bert_service.feeds.readers.rows import Reason
from airflow_bert_service.feeds.readers.screening import Rejected
from airflow_bert_service.ingestion.span_store import Change, SpanStore

from tests.support.contracts import (
    faults,
    golden,
    lay_out_spans,
    read_span_layout,
    schema,
    with_wrong_fields,
)

DAYS = [dt.date(2026, 11, day) for day in (3, 4, 5)]
REVIEWS = [
    Review("r1", DAYS[1], "A fine film.", "positive"),
    Review("r2", DAYS[1], 'They call it "fun".', "negative"),
    Review("r3", DAYS[2], "Größer, länger, öder.", "negative"),
]


def _fill(store: SpanStore) -> None:
    """Deliver what the golden layout has: a day that is corrected, a day with a bad row, a day that is refused."""
    store.write(DAYS[1], REVIEWS[:1], source="files")
    store.write(DAYS[1], REVIEWS[:2], source="files")
    bad = Rejected(2, Reason.NO_TEXT, "r4", "2026-11-05.csv, row 2", "")
    store.write(DAYS[2], [REVIEWS[2], bad], source="files")
    worse = Rejected(1, Reason.UNKNOWN_LABEL, "r0", "2026-11-03.csv, row 1", "So so.", "so-so")
    with pytest.raises(BadInputError, match="1 of 1 rows cannot be used"):
        store.write(DAYS[0], [worse], source="files")


def test_spans_are_laid_out_as_the_golden_document_says(tmp_path: Path) -> None:
    _fill(SpanStore(tmp_path, max_bad_share=0.5))

    found, expected = read_span_layout(tmp_path), golden("span_layout")

    assert faults("span_layout", found) == []
    for path, content in found.items():
        if path.endswith("/manifest.json"):
            content["written_at"] = expected[path]["written_at"]
    assert found == expected


def test_the_golden_layout_is_read_so_that_the_same_reviews_are_no_new_version(tmp_path: Path) -> None:
    lay_out_spans(tmp_path, golden("span_layout"))
    span = SpanStore(tmp_path).write(DAYS[1], REVIEWS[:2], source="files")
    assert (span.version, span.change) == (2, Change.UNCHANGED)
    assert read_span_layout(tmp_path) == golden("span_layout")


@pytest.mark.parametrize("reason", list(Reason))
def test_a_row_that_is_rejected_for_any_reason_fits_the_schema(tmp_path: Path, reason: Reason) -> None:
    bad = Rejected(2, reason, "r4", "2026-11-05.csv, row 2", "", label="so-so", date="soon")
    SpanStore(tmp_path, max_bad_share=0.5).write(DAYS[2], [REVIEWS[2], bad], source="files")
    assert faults("span_layout", read_span_layout(tmp_path)) == []


@pytest.mark.parametrize("name", ["rows", "sha256", "source", "written_at", "unknown"])
def test_a_manifest_of_another_form_is_ignored_and_the_day_gets_a_new_version(tmp_path: Path, name: str) -> None:
    layout = golden("span_layout")
    manifest = layout["2026-11-04/v2/manifest.json"]
    layout["2026-11-04/v2/manifest.json"] = with_wrong_fields(manifest)[name]
    assert faults("span_layout", layout)
    lay_out_spans(tmp_path, layout)
    span = SpanStore(tmp_path).write(DAYS[1], REVIEWS[:2], source="files")
    assert (span.version, span.change) == (3, Change.CORRECTED)


@pytest.mark.parametrize("name", ["rejected", "quarantine_sha256"])
def test_a_manifest_without_a_quarantine_is_valid(tmp_path: Path, name: str) -> None:
    layout = golden("span_layout")
    del layout["2026-11-04/v2/manifest.json"][name]
    assert faults("span_layout", layout) == []
    lay_out_spans(tmp_path, layout)
    assert SpanStore(tmp_path).write(DAYS[1], REVIEWS[:2], source="files").change is Change.UNCHANGED


@pytest.mark.parametrize(
    "path",
    [
        "2026-11-04/v0/reviews.csv",
        "2026-11-04/v01/reviews.csv",
        "2026-11-04/reviews.csv",
        "2026-11-4/v1/reviews.csv",
        "2026-11-04/v1/other.csv",
        "2026-11-05.jsonl",
        ".staging/new-2026-11-05/reviews.csv",
    ],
)
def test_the_schema_refuses_a_path_of_another_form(path: str) -> None:
    assert faults("span_layout", {path: golden("span_layout")["2026-11-04/v1/reviews.csv"]})


def test_the_reasons_of_bad_rows_are_those_of_the_schema() -> None:
    definitions = schema("span_layout")["$defs"]
    known = [reason.value for reason in Reason]
    assert definitions["rejected_row"]["properties"]["reason"]["enum"] == known
    assert definitions["manifest"]["properties"]["rejected"]["propertyNames"]["enum"] == known
