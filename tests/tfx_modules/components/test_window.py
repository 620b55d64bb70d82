"""A run reads the files of exactly the days and versions that it is given."""

import datetime as dt
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tfx.proto import example_gen_pb2, range_config_pb2

from tfx_modules.components.window import Driver, WindowInputProcessor, span_versions
from tfx_modules.exceptions import MissingSpanError
from tfx_modules.pipeline.pipeline import SPAN_PATTERN

EPOCH = dt.date(1970, 1, 1)
FIRST = dt.date(2026, 10, 30)
DAYS = [FIRST + dt.timedelta(days=n) for n in range(4)]  # over the end of a month


def span(day: dt.date) -> int:
    return (day - EPOCH).days


def write(spans: Path, day: dt.date, version: int, text: str = "fine") -> None:
    folder = spans / day.isoformat() / f"v{version}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "reviews.csv").write_text(f"id,date,review,sentiment\n1,{day},{text},positive\n", encoding="utf-8")
    (folder / "manifest.json").write_text("{}", encoding="utf-8")
    (folder / "other.csv").write_text("not,reviews\n", encoding="utf-8")


@pytest.fixture
def spans(tmp_path: Path) -> Path:
    for day in DAYS:
        write(tmp_path, day, 1)
    write(tmp_path, DAYS[1], 2, "corrected")
    return tmp_path


def window(first: int, last: int) -> range_config_pb2.StaticRange:
    return range_config_pb2.StaticRange(start_span_number=first, end_span_number=last)


def processor(spans: Path, *versions: int | None) -> WindowInputProcessor:
    """The processor of the first days, a version each."""
    given = json.dumps({str(day): version for day, version in zip(DAYS, versions, strict=False)})
    days = window(span(FIRST), span(FIRST) + len(versions) - 1)
    splits = [example_gen_pb2.Input.Split(name="days", pattern=SPAN_PATTERN)]
    return WindowInputProcessor(str(spans), splits, span_versions(given, days))


def pattern(spans: Path, *versions: int | None) -> list[str]:
    made = processor(spans, *versions)
    found: str = made.get_pattern_for_span_version(SPAN_PATTERN, *made.resolve_span_and_version())
    return found.split(",")


def fingerprint(spans: Path, *versions: int | None) -> str:
    made = processor(spans, *versions)
    found: str = made.get_input_fingerprint(*made.resolve_span_and_version())
    return found


def test_a_window_is_named_by_its_last_span_and_that_ones_version(spans: Path) -> None:
    assert processor(spans, 1, 2).resolve_span_and_version() == (span(DAYS[1]), 2)
    assert processor(spans, 1, 2, 1).resolve_span_and_version() == (span(DAYS[2]), 1)


def test_a_window_reads_every_day_of_it(spans: Path) -> None:
    assert pattern(spans, 1, 2, 1) == [
        "2026-10-30/v1/reviews.csv",
        "2026-10-31/v2/reviews.csv",
        "2026-11-01/v1/reviews.csv",
    ]


def test_a_run_of_before_a_correction_goes_on_reading_what_it_read(spans: Path) -> None:
    assert pattern(spans, 1, 1)[1] == "2026-10-31/v1/reviews.csv"


def test_a_gap_that_is_allowed_is_passed_over(spans: Path) -> None:
    assert pattern(spans, 1, None, 1) == ["2026-10-30/v1/reviews.csv", "2026-11-01/v1/reviews.csv"]


@pytest.mark.parametrize("missing", DAYS, ids=str)
def test_a_missing_day_is_named(spans: Path, missing: dt.date) -> None:
    (spans / missing.isoformat() / "v1" / "reviews.csv").unlink()
    message = rf"span {span(missing)} \({missing}\), version 1, is not in .*; the run reads {DAYS[0]}, .*{DAYS[-1]}"
    with pytest.raises(MissingSpanError, match=message):
        processor(spans, 1, 1, 1, 1).resolve_span_and_version()


def test_a_missing_version_is_not_another_one(spans: Path) -> None:
    with pytest.raises(MissingSpanError, match=rf"\({DAYS[2]}\), version 2, is not in"):
        processor(spans, 1, 1, 2).resolve_span_and_version()


def test_the_fingerprint_is_the_same_for_the_same_files(spans: Path) -> None:
    assert fingerprint(spans, 1, 1, 1, 1) == fingerprint(spans, 1, 1, 1, 1)


@pytest.mark.parametrize("changed", DAYS, ids=str)
def test_the_fingerprint_changes_with_any_days_file(spans: Path, changed: dt.date) -> None:
    before = fingerprint(spans, 1, 1, 1, 1)
    write(spans, changed, 1, "poor indeed")
    assert fingerprint(spans, 1, 1, 1, 1) != before


def test_the_fingerprint_changes_with_the_window_and_with_a_version(spans: Path) -> None:
    assert len({fingerprint(spans, 1, 1, 1), fingerprint(spans, 1, 1), fingerprint(spans, 1, 2)}) == 3


@given(st.lists(st.none() | st.integers(1, 10**6), max_size=20), st.integers(1, 10**6), st.integers(0, 10**5))
def test_versions_come_back_as_they_were_given(before: list[int | None], last: int, first: int) -> None:
    versions = [*before, last]
    days = {str(EPOCH + dt.timedelta(days=first + n)): version for n, version in enumerate(versions)}
    found = span_versions(json.dumps(days), window(first, first + len(before)))
    assert found == {first + n: version for n, version in enumerate(versions) if version}
    assert list(found) == sorted(found)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "nonsense",
        '{"2026-10-30": 1}',
        '{"2026-10-30": 1, "2026-10-31": 1, "2026-11-01": 1}',
        '{"2026-10-30": 1, "2026-10-31": null}',
        '{"2026-10-30": 0, "2026-10-31": 1}',
        '{"2026-10-30": true, "2026-10-31": 1}',
        '{"2026-10-30": "1", "2026-10-31": 1}',
    ],
)
def test_other_versions_than_the_windows_are_refused(text: str) -> None:
    with pytest.raises(MissingSpanError, match=r"span_versions is .*; allowed: JSON with each day from 2026-10-30 to"):
        span_versions(text, window(span(DAYS[0]), span(DAYS[1])))


def test_the_driver_refuses_a_window_that_ends_before_it_starts() -> None:
    with pytest.raises(MissingSpanError, match=r"(?s)start_span_number: 9.*allowed: a static_range"):
        Driver(None).get_input_processor([], range_config_pb2.RangeConfig(static_range=window(9, 8)))


def test_the_driver_refuses_a_rolling_range() -> None:
    rolling = range_config_pb2.RangeConfig(rolling_range=range_config_pb2.RollingRange(num_spans=2))
    with pytest.raises(MissingSpanError, match=r"(?s)rolling_range.*allowed: a static_range"):
        Driver(None).get_input_processor([], rolling)
