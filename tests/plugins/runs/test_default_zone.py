"""Days of Airflow's default time zone: what commands mean by a date."""

import datetime as dt
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from airflow.sdk import timezone
from airflow.sdk.timezone import initialize  # type: ignore[attr-defined]
from airflow_bert_service.runs.data_date import data_date, facts_of
from airflow_bert_service.runs.default_zone import day_that_begins_at

UTC = dt.timezone.utc
ZONES = ["America/Los_Angeles", "Asia/Kolkata", "Pacific/Auckland", "Pacific/Kiritimati", "America/Santiago", "UTC"]
# Days on which clocks change in one of them; in Santiago, 2026-09-06 begins at one o'clock.
DAYS = [dt.date(2026, 3, 8), dt.date(2026, 9, 6), dt.date(2026, 9, 27), dt.date(2026, 11, 1), dt.date(2026, 11, 5)]


@pytest.fixture(params=ZONES)
def zone(request: pytest.FixtureRequest) -> Iterator[str]:
    initialize(request.param)
    yield request.param
    initialize("UTC")


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize("day", DAYS)
def test_a_moment_that_airflow_makes_of_a_date_is_that_day(day: dt.date) -> None:
    moment = timezone.parse(day.isoformat())
    assert day_that_begins_at(moment) == day
    assert day_that_begins_at(moment.astimezone(UTC)) == day
    for off in (dt.timedelta(minutes=1), dt.timedelta(minutes=-1), dt.timedelta(microseconds=1)):
        assert day_that_begins_at(moment + off) is None


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize("day", DAYS)
def test_a_run_that_is_triggered_for_a_date_reads_that_day(day: dt.date) -> None:
    moment = timezone.parse(day.isoformat())  # as `airflow dags trigger -l` does
    run = SimpleNamespace(
        run_type="manual",
        run_after=dt.datetime(2026, 11, 20, 9, 30, tzinfo=UTC),
        logical_date=moment,
        data_interval_start=moment,
    )
    assert data_date(facts_of(run, {})) == day
