"""Nodes and retention read spans as contract 6 says."""

import datetime as dt
import json
from pathlib import Path

import pytest
from tfx.proto import example_gen_pb2, range_config_pb2

from tests.support.contracts import (
    faults,
    golden,
    lay_out_spans,
    read_span_layout,
)
from tfx_modules.components.csv_parts import parts_of, rows_of
from tfx_modules.components.window import WindowInputProcessor, span_versions
from tfx_modules.exceptions import MissingSpanError
from tfx_modules.pipeline.pipeline import SPAN_PATTERN
from tfx_modules.retention.spans import Spans

LONG_AFTER = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
EPOCH = dt.date(1970, 1, 1)


@pytest.fixture
def spans(tmp_path: Path) -> Path:
    lay_out_spans(tmp_path, golden("span_layout"))
    return tmp_path


def _window(spans: Path, versions: dict[str, int]) -> WindowInputProcessor:
    first, last = ((dt.date.fromisoformat(day) - EPOCH).days for day in (min(versions), max(versions)))
    window = range_config_pb2.StaticRange(start_span_number=first, end_span_number=last)
    splits = [example_gen_pb2.Input.Split(name="days", pattern=SPAN_PATTERN)]
    return WindowInputProcessor(str(spans), splits, span_versions(json.dumps(versions), window))


@pytest.mark.parametrize("version", [1, 2])
def test_a_run_reads_the_reviews_of_the_golden_layout(spans: Path, version: int) -> None:
    window = _window(spans, {"2026-11-04": version, "2026-11-05": 1})

    pattern = window.get_pattern_for_span_version(SPAN_PATTERN, *window.resolve_span_and_version())

    assert pattern.split(",") == [f"2026-11-04/v{version}/reviews.csv", "2026-11-05/v1/reviews.csv"]
    rows = [row for path in pattern.split(",") for part in parts_of(str(spans / path)) for row in rows_of(part)]
    assert [row["id"] for row in rows] == ["r1", "r2", "r3"] if version == 2 else ["r1", "r3"]
    assert rows[-1] == {
        "id": "r3",
        "date": "2026-11-05",
        "review": "Größer, länger, öder.",
        "sentiment": "negative",
    }


def test_a_refused_day_is_no_span(spans: Path) -> None:
    with pytest.raises(MissingSpanError, match=r"2026-11-03\), version 1, is not in"):
        _window(spans, {"2026-11-03": 1}).resolve_span_and_version()


def test_retention_knows_the_days_of_the_golden_layout(spans: Path) -> None:
    store = Spans(spans, 1, 0, LONG_AFTER)
    items = store.plan([])
    assert [(item.kind.value, item.name) for item in items] == [
        ("span", "2026-11-04"),
        ("span", "2026-11-05"),
        ("refused", "2026-11-03"),
    ]
    assert store.carry_out(items) == items
    assert read_span_layout(spans) == {".staging/lock": []}


def test_retention_knows_the_versions_of_the_golden_layout(spans: Path) -> None:
    store = Spans(spans, 0, 1, LONG_AFTER)
    items = store.plan([])
    assert [item.name for item in items] == ["2026-11-04 v1"]
    store.carry_out(items)
    left = {path: value for path, value in golden("span_layout").items() if not path.startswith("2026-11-04/v1/")}
    assert read_span_layout(spans) == left
    assert faults("span_layout", left) == []
