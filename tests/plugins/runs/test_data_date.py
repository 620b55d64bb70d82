"""The data date of a run, and the window of days that ends with it."""

import datetime as dt
import json
import re
from contextlib import suppress
from zoneinfo import ZoneInfo

import pytest
from airflow_bert_service.exceptions import DataDateError
from airflow_bert_service.runs.data_date import FIRST, LAST, PATTERN, RunFacts, Window, data_date, span_number
from hypothesis import given
from hypothesis import strategies as st

UTC = dt.timezone.utc
NOW = dt.datetime(2026, 11, 6, 9, 30, tzinfo=UTC)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))
EARLIEST, LATEST = dt.datetime(1990, 1, 1), dt.datetime(2099, 12, 30)  # noqa: DTZ001 (hypothesis adds the zone)
MOMENTS = st.datetimes(EARLIEST, LATEST, timezones=ZONES)
RUN_TYPES = st.sampled_from(
    ["scheduled", "backfill", "manual", "operator_triggered", "asset_triggered", "asset_materialization"]
)
FACTS = st.builds(
    RunFacts,
    run_type=RUN_TYPES,
    run_after=MOMENTS,
    logical_date=st.none() | MOMENTS,
    data_interval_start=st.none() | MOMENTS,
    data_date=st.none() | st.dates(FIRST, LAST).map(dt.date.isoformat),
)


def midnight(day: int) -> dt.datetime:
    return dt.datetime(2026, 11, day, tzinfo=UTC)


def test_the_parameter_comes_before_all_else() -> None:
    facts = RunFacts(
        run_type="scheduled",
        run_after=NOW,
        logical_date=midnight(5),
        data_interval_start=midnight(5),
        data_date="2026-10-20",
    )
    assert data_date(facts) == dt.date(2026, 10, 20)


@pytest.mark.parametrize(
    "value", ["yesterday", "", "20261105", "2026-W45-4", "2026-02-30", "2026-11-05T00:00:00", 5, True]
)
def test_a_parameter_that_is_no_day_is_refused(value: object) -> None:
    with pytest.raises(DataDateError, match=r"parameter data_date is .*; allowed: a day like 2026-11-05, or null"):
        data_date(RunFacts(run_type="manual", run_after=NOW, data_date=value))


@pytest.mark.parametrize("day", ["0001-01-01", "1969-12-31", "2100-01-01", "9999-12-31"])
def test_a_day_too_early_or_too_late_to_be_meant_is_refused(day: str) -> None:
    midnight = dt.datetime.fromisoformat(day).replace(tzinfo=UTC)
    for facts in (
        RunFacts(run_type="manual", run_after=NOW, data_date=day),
        RunFacts(run_type="manual", run_after=NOW, logical_date=midnight),
        RunFacts(run_type="backfill", run_after=NOW, logical_date=midnight, data_interval_start=midnight),
    ):
        with pytest.raises(DataDateError, match=rf"is {day}; allowed: a day from 1970-01-01 to 2099-12-31. Trigger"):
            data_date(facts)


@given(st.dates())
def test_the_pattern_of_the_trigger_form_has_the_same_bounds(day: dt.date) -> None:
    assert bool(re.search(PATTERN, day.isoformat())) == (FIRST <= day <= LAST)


@pytest.mark.parametrize("run_type", ["scheduled", "backfill"])
def test_a_scheduled_or_backfill_run_is_about_the_day_of_its_interval(run_type: str) -> None:
    facts = RunFacts(
        run_type=run_type, run_after=midnight(6), logical_date=midnight(5), data_interval_start=midnight(5)
    )
    assert data_date(facts) == dt.date(2026, 11, 5)


def test_triggered_for_a_day() -> None:
    # The timetable gives such a run the interval before its logical date.
    facts = RunFacts(run_type="manual", run_after=NOW, logical_date=midnight(5), data_interval_start=midnight(4))
    assert data_date(facts) == dt.date(2026, 11, 5)


def test_triggered_for_a_moment_is_about_the_last_day_that_was_complete_then() -> None:
    facts = RunFacts(run_type="manual", run_after=NOW, logical_date=NOW, data_interval_start=midnight(5))
    assert data_date(facts) == dt.date(2026, 11, 5)


def test_a_logical_date_in_another_zone_counts_in_utc() -> None:
    tokyo = dt.timezone(dt.timedelta(hours=9))
    midnight_utc = dt.datetime(2026, 11, 5, 9, tzinfo=tokyo)
    assert data_date(RunFacts(run_type="manual", run_after=NOW, logical_date=midnight_utc)) == dt.date(2026, 11, 5)
    midnight_there = dt.datetime(2026, 11, 5, tzinfo=tokyo)
    # What a browser in Tokyo makes of a day, where that is not Airflow's default time zone.
    with pytest.raises(
        DataDateError,
        match=r"logical date is 2026-11-04T15:00:00\+00:00; allowed: midnight, in UTC or .* parameter data_date",
    ):
        data_date(RunFacts(run_type="manual", run_after=NOW, logical_date=midnight_there))


@pytest.mark.parametrize("minutes", [-60, -1, 0, 59])
def test_a_logical_date_near_the_trigger_means_now(minutes: int) -> None:
    moment = NOW + dt.timedelta(minutes=minutes)
    assert data_date(RunFacts(run_type="manual", run_after=NOW, logical_date=moment)) == dt.date(2026, 11, 5)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Auckland"])
@pytest.mark.parametrize(
    "day", [dt.date(2026, 3, 29), dt.date(2026, 10, 25), dt.date(2026, 11, 1), dt.date(2026, 11, 5)]
)
def test_midnight_elsewhere_is_never_taken_for_another_day(zone: str, day: dt.date) -> None:
    there = dt.datetime.combine(day, dt.time.min, ZoneInfo(zone))
    with pytest.raises(DataDateError):
        data_date(
            RunFacts(run_type="manual", run_after=dt.datetime(2026, 11, 20, 9, 30, tzinfo=UTC), logical_date=there)
        )


@pytest.mark.parametrize("run_after", [NOW, midnight(6)])
def test_without_a_logical_date_it_is_the_last_day_that_is_complete(run_after: dt.datetime) -> None:
    assert data_date(RunFacts(run_type="manual", run_after=run_after)) == dt.date(2026, 11, 5)
    assert data_date(RunFacts(run_type="asset_triggered", run_after=run_after)) == dt.date(2026, 11, 5)


def named_by(facts: RunFacts) -> dt.date | None:
    """The data date; None where it is refused."""
    with suppress(DataDateError):
        return data_date(facts)
    return None


@given(FACTS)
def test_every_run_has_one_data_date_unless_its_logical_date_names_none(facts: RunFacts) -> None:
    assert named_by(facts) == named_by(facts)
    if named_by(facts) is None:
        assert facts.logical_date is not None


@given(FACTS, ZONES)
def test_the_time_zone_that_a_moment_is_written_in_does_not_matter(facts: RunFacts, zone: dt.timezone) -> None:
    elsewhere = RunFacts(
        run_type=facts.run_type,
        run_after=facts.run_after.astimezone(zone),
        logical_date=facts.logical_date and facts.logical_date.astimezone(zone),
        data_interval_start=facts.data_interval_start and facts.data_interval_start.astimezone(zone),
        data_date=facts.data_date,
    )
    assert named_by(facts) == named_by(elsewhere)


@given(MOMENTS)
def test_without_a_date_of_its_own_a_run_never_takes_a_day_that_was_not_over(run_after: dt.datetime) -> None:
    day = data_date(RunFacts(run_type="manual", run_after=run_after))
    end_of_day = dt.datetime.combine(day, dt.time.min, UTC) + dt.timedelta(days=1)
    assert end_of_day <= run_after < end_of_day + dt.timedelta(days=1)


def test_a_window_becomes_a_static_range_of_tfx() -> None:
    window = Window.ending(dt.date(2026, 11, 5), days=14)
    assert (window.first_day, window.last_day, len(window)) == (dt.date(2026, 10, 23), dt.date(2026, 11, 5), 14)
    assert json.loads(window.range_config) == {
        "static_range": {"start_span_number": 20749, "end_span_number": 20762},
    }


def test_span_numbers_count_from_1970() -> None:
    assert span_number(dt.date(1970, 1, 1)) == 0
    assert span_number(dt.date(1970, 1, 2)) == 1


@given(st.dates(dt.date(1971, 1, 1)), st.integers(1, 60), st.dates(dt.date(1971, 1, 1)))
def test_a_clipped_window_has_the_days_that_do_not_lie_before(last: dt.date, days: int, first: dt.date) -> None:
    window = Window.ending(last, days=days)
    clipped = window.clipped(first)
    assert list(clipped) == [day for day in window if day >= first]
    assert len(clipped) == len(list(clipped))
