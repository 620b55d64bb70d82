"""Days of reviews and their versions."""

import datetime as dt
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.tfx_modules.retention.records import Records, places, remove_all_but, tree
from tfx_modules.retention.spans import doomed_days, doomed_versions

NOON = dt.datetime.now(dt.UTC) + dt.timedelta(days=2)
TODAY = NOON.date()


def _day(ago: int) -> str:
    return str(TODAY - dt.timedelta(days=ago))


def _write(folder: Path, day: str, *versions: int) -> None:
    for version in versions:
        (folder / "spans" / day / f"v{version}").mkdir(parents=True)
        (folder / "spans" / day / f"v{version}" / "reviews.csv").write_text(f"{day} {version}")


def _there(folder: Path) -> list[str]:
    found = [*(folder / "spans").glob("*-*-*/v*"), *(folder / "spans" / "refused").glob("*")]
    return sorted(str(path.relative_to(folder / "spans")) for path in found)


days = st.dates(dt.date(2026, 1, 1), dt.date(2026, 12, 31))


@given(st.sets(days), st.integers(0, 400), days)
def test_a_day_goes_by_its_date_alone(there: set[dt.date], keep: int, today: dt.date) -> None:
    gone = doomed_days(there, keep, today)

    assert gone == {day for day in there if keep and day < today - dt.timedelta(days=keep)}
    assert doomed_days(there - gone, keep, today) == frozenset()


@given(st.dictionaries(days, st.sets(st.integers(1, 12), max_size=6), max_size=4), st.integers(0, 4), st.data())
def test_the_newest_versions_of_a_day_and_those_that_were_read_stay(
    there: dict[dt.date, set[int]], keep: int, data: st.DataObject
) -> None:
    every = sorted((day, number) for day, numbers in there.items() for number in numbers)
    read = data.draw(st.sets(st.sampled_from(every))) if every else set()

    gone = doomed_versions(there, keep, read)

    assert gone.isdisjoint(read)
    for day, numbers in there.items():
        newest = sorted(numbers)[-keep:] if keep else numbers
        assert gone.isdisjoint((day, number) for number in newest)
    assert keep == 0 or len(every) - len(gone) <= keep * len(there) + len(read)


def test_old_days_go_with_the_lists_of_what_was_refused(tmp_path: Path) -> None:
    _write(tmp_path, _day(91), 1, 2)
    _write(tmp_path, _day(90), 1)
    (tmp_path / "spans" / "refused").mkdir()
    (tmp_path / "spans" / "refused" / f"{_day(95)}.jsonl").write_text("{}")

    gone = remove_all_but(places(tmp_path), now=NOON, keep_span_days=90)

    assert [(item.kind.value, item.name) for item in gone] == [("span", _day(91)), ("refused", _day(95))]
    assert gone[0].reason == "older than 90 days"
    assert _there(tmp_path) == [f"{_day(90)}/v1"]
    assert list((tmp_path / "spans" / ".staging").iterdir()) == [tmp_path / "spans" / ".staging" / "lock"]


def test_days_and_versions_behind_a_link_are_left_alone(tmp_path: Path) -> None:
    _write(tmp_path / "others", _day(95), 1)
    _write(tmp_path / "others", _day(96), 1)
    _write(tmp_path, _day(96), 2)
    (tmp_path / "spans" / _day(95)).symlink_to(tmp_path / "others" / "spans" / _day(95))
    (tmp_path / "spans" / _day(96) / "v1").symlink_to(tmp_path / "others" / "spans" / _day(96) / "v1")

    gone = remove_all_but(places(tmp_path), now=NOON, keep_span_days=90, keep_span_versions=1)

    assert [item.name for item in gone] == [_day(96)]
    assert len(_there(tmp_path / "others")) == 2


def test_what_was_written_today_stays_for_the_run_that_is_about_to_read_it(tmp_path: Path) -> None:
    _write(tmp_path, _day(200), 1, 2)
    written = NOON - dt.timedelta(days=2)

    assert remove_all_but(places(tmp_path), now=written, keep_span_days=90, keep_span_versions=1) == []


def test_old_versions_of_a_day_go_unless_a_run_that_stays_has_read_them(records: Records, tmp_path: Path) -> None:
    _write(tmp_path, _day(5), 1, 2, 3, 4)
    records.node("CsvExampleGen", "young", age=1, read=f'{{"{_day(5)}": 2, "{_day(6)}": null}}')
    records.node("CsvExampleGen", "old", age=40, read=f'{{"{_day(5)}": 1}}')

    gone = remove_all_but(places(tmp_path), now=NOON, keep_span_versions=1, keep_artifact_days=30)

    assert [item.name for item in gone] == ["old", f"{_day(5)} v1", f"{_day(5)} v3"]
    assert _there(tmp_path) == [f"{_day(5)}/v2", f"{_day(5)}/v4"]


def test_a_dry_run_leaves_them(tmp_path: Path) -> None:
    _write(tmp_path, _day(91), 1)
    before = tree(tmp_path)

    assert remove_all_but(places(tmp_path), now=NOON, dry_run=True, keep_span_days=90)
    assert tree(tmp_path) == before
