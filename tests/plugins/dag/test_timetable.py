"""Automatic and backfill runs are for whole UTC days that the feed has."""

import datetime as dt
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pendulum
import pytest
from airflow.sdk import timezone
from airflow.sdk.timezone import initialize  # type: ignore[attr-defined]
from airflow.timetables.base import DataInterval, TimeRestriction
from airflow_bert_service.dag.timetable import DailyUntilTimetable


def midnight(day: int) -> pendulum.DateTime:
    return pendulum.datetime(2026, 10, day, tz="UTC")


def days(timetable: DailyUntilTimetable, first: int) -> list[tuple[dt.date, dt.date]]:
    """All automatic runs from a day on, as the days on which their data intervals begin and end."""
    restriction = TimeRestriction(earliest=midnight(first), latest=None, catchup=True)
    found: list[DataInterval] = []
    while info := timetable.next_dagrun_info(
        last_automated_data_interval=found[-1] if found else None, restriction=restriction
    ):
        assert info.data_interval is not None
        found.append(info.data_interval)
    return [(interval.start.date(), interval.end.date()) for interval in found]


def test_every_day_is_an_interval_up_to_the_last() -> None:
    october = [dt.date(2026, 10, day) for day in range(1, 32)]
    assert days(DailyUntilTimetable(october[18]), first=17) == [
        (october[16], october[17]),
        (october[17], october[18]),
        (october[18], october[19]),
    ]


def test_no_run_when_the_last_day_is_over() -> None:
    assert days(DailyUntilTimetable(dt.date(2026, 10, 10)), first=17) == []


def test_a_feed_that_goes_on_gets_a_run_for_every_day_that_is_over() -> None:
    timetable = DailyUntilTimetable(None)
    restriction = TimeRestriction(earliest=midnight(17), latest=None, catchup=True)
    info = timetable.next_dagrun_info(
        last_automated_data_interval=DataInterval(midnight(30), midnight(31)), restriction=restriction
    )
    assert info is not None
    assert info.data_interval is not None
    assert info.data_interval.start.date() == dt.date(2026, 10, 31)
    # What Airflow keeps is the same on every day: or every day would be a new version of the DAG.
    assert timetable.serialize() == {"last_day": None}
    assert DailyUntilTimetable.deserialize({"last_day": None}).last_day is None


@pytest.mark.parametrize("weekdays", [{0}, {0, 3}, {5, 6}, set(range(7))])
def test_only_days_of_the_weekdays_get_a_run(weekdays: set[int]) -> None:
    last = dt.date(2026, 11, 30)
    every = days(DailyUntilTimetable(last), first=1)
    some = days(DailyUntilTimetable(last, weekdays), first=1)
    assert some == [day for day in every if day[0].weekday() in weekdays]
    kept = DailyUntilTimetable.deserialize(DailyUntilTimetable(last, weekdays).serialize())
    assert days(kept, first=1) == some


def test_a_backfill_has_no_run_behind_its_last_day() -> None:
    timetable = DailyUntilTimetable(None, {0})
    last = DataInterval(midnight(12), midnight(13))
    bounds = TimeRestriction(earliest=midnight(1), latest=midnight(18), catchup=True)
    assert timetable.next_dagrun_info(last_automated_data_interval=last, restriction=bounds) is None
    assert timetable.description == "At midnight UTC, for the data of Monday"


@pytest.mark.parametrize("before", [None, DataInterval(midnight(17), midnight(18))], ids=["new", "was paused"])
def test_without_catchup_switching_on_gives_one_run_for_the_last_day_that_is_over(before: DataInterval | None) -> None:
    now = pendulum.now("UTC")
    restriction = TimeRestriction(earliest=midnight(16), latest=None, catchup=False)
    first = DailyUntilTimetable(None).next_dagrun_info(last_automated_data_interval=before, restriction=restriction)
    assert first is not None
    assert first.data_interval is not None
    assert first.data_interval.start == now.start_of("day").subtract(days=1)
    assert first.run_after <= now
    second = DailyUntilTimetable(None).next_dagrun_info(
        last_automated_data_interval=first.data_interval, restriction=restriction
    )
    assert second is not None
    assert second.run_after > now


@pytest.mark.parametrize("missed", range(1, 15))
def test_without_catchup_a_weekday_that_was_missed_gets_its_run_once(missed: int) -> None:
    yesterday = pendulum.now("UTC").start_of("day").subtract(days=1)
    wanted = yesterday.subtract(days=(missed - 1) % 7)  # the last day of its weekday that is over
    timetable = DailyUntilTimetable(None, {wanted.weekday()})
    begin = yesterday.subtract(days=missed)
    restriction = TimeRestriction(earliest=begin, latest=None, catchup=False)
    for before in (None, DataInterval(begin, begin.add(days=1))):
        first = timetable.next_dagrun_info(last_automated_data_interval=before, restriction=restriction)
        assert first is not None
        assert first.data_interval == DataInterval(wanted, wanted.add(days=1))
    second = timetable.next_dagrun_info(
        last_automated_data_interval=DataInterval(wanted, wanted.add(days=1)), restriction=restriction
    )
    assert second is not None
    assert second.data_interval is not None
    assert second.data_interval.start == wanted.add(days=7)


def test_without_catchup_no_day_before_the_feeds_first_has_a_run() -> None:
    yesterday = pendulum.now("UTC").start_of("day").subtract(days=1)
    restriction = TimeRestriction(earliest=yesterday, latest=None, catchup=False)
    before_it = DailyUntilTimetable(None, {yesterday.subtract(days=1).weekday()})
    info = before_it.next_dagrun_info(last_automated_data_interval=None, restriction=restriction)
    assert info is not None
    assert info.run_after > pendulum.now("UTC")


def test_airflow_keeps_it_as_data() -> None:
    timetable = DailyUntilTimetable(dt.date(2026, 10, 19))
    assert timetable.serialize() == {"last_day": "2026-10-19"}
    assert days(DailyUntilTimetable.deserialize(timetable.serialize()), first=18) == days(timetable, first=18)


@pytest.mark.parametrize("moment", [midnight(17), midnight(17).add(hours=23)])
def test_a_run_by_hand_is_not_bound_to_the_feeds_days(moment: pendulum.DateTime) -> None:
    interval = DailyUntilTimetable(dt.date(2026, 10, 1)).infer_manual_data_interval(run_after=moment)
    assert (interval.start, interval.end) == (midnight(16), midnight(17))


def backfilled(earliest: dt.datetime, latest: dt.datetime) -> list[dt.date]:
    """The days that a backfill with these bounds is for."""
    restriction = TimeRestriction(pendulum.instance(earliest), pendulum.instance(latest), catchup=True)
    found: list[DataInterval] = []
    while info := DailyUntilTimetable(None).next_dagrun_info(
        last_automated_data_interval=found[-1] if found else None, restriction=restriction
    ):
        assert info.data_interval is not None
        found.append(info.data_interval)
    return [interval.start.date() for interval in found]


@pytest.fixture
def default_zone(request: pytest.FixtureRequest) -> Iterator[None]:
    initialize(request.param)
    yield
    initialize("UTC")


# Clocks change in Berlin on the 25th.
WANTED = [dt.date(2026, 10, day) for day in range(23, 28)]
ZONES = ["America/Los_Angeles", "Asia/Kolkata", "Pacific/Auckland", "Pacific/Honolulu", "Europe/Berlin", "UTC"]


@pytest.mark.usefixtures("default_zone")
@pytest.mark.parametrize("default_zone", ZONES, indirect=True)
@pytest.mark.parametrize("utc", [True, False], ids=["UTC dates", "dates of the zone"])
def test_a_backfill_has_the_days_of_its_dates_whatever_the_default_time_zone(utc: bool) -> None:
    first, last = (timezone.parse(f"{day}{'T00:00:00+00:00' if utc else ''}") for day in (WANTED[0], WANTED[-1]))
    assert backfilled(first, last) == WANTED


@pytest.mark.usefixtures("default_zone")
@pytest.mark.parametrize("default_zone", ["UTC", "Asia/Kolkata"], indirect=True)
@pytest.mark.parametrize("browser", [zone for zone in ZONES if zone != "Pacific/Honolulu"])
def test_the_form_in_the_ui_is_for_the_days_that_it_shows(browser: str) -> None:
    # What the UI of Airflow 3.3 sends of two dates: the beginning of the first and the last millisecond of the last.
    first = dt.datetime.combine(WANTED[0], dt.time.min, ZoneInfo(browser))
    last = dt.datetime.combine(WANTED[-1], dt.time(23, 59, 59, 999_000), ZoneInfo(browser))
    assert backfilled(first.astimezone(dt.timezone.utc), last.astimezone(dt.timezone.utc)) == WANTED


def test_bounds_within_a_day_are_taken_as_they_are() -> None:
    noon = dt.time(12, tzinfo=dt.timezone.utc)
    assert backfilled(dt.datetime.combine(WANTED[0], noon), dt.datetime.combine(WANTED[-1], noon)) == WANTED[1:]
