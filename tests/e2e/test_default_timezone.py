"""Which day a run reads where Airflow's default time zone is not UTC, in real processes of Airflow."""

import datetime as dt
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from scripts.stack.api import AirflowApi
from scripts.stack.waiting import wait_until
from tests.e2e.conftest import ROOT, Site, new_site
from tests.e2e.light_airflow import WAIT, light_airflow, local_bundle

pytestmark = pytest.mark.slow

DAG = "dates"
ENDED = ("success", "failed")


@dataclass(frozen=True)
class Airflow:
    """Airflow in a default time zone, with the DAG of tests/support/dags/dates_dag.py switched on."""

    site: Site
    api: AirflowApi
    zone: ZoneInfo

    def command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        command = [str(ROOT / "scripts" / "airflow"), *words]
        return subprocess.run(command, env=dict(self.site.environ), capture_output=True, text=True, check=False)

    def read_by(self, run_id: str) -> str:
        """Return the day that a run has read; what is wrong where it has failed."""
        wait_until(lambda: "" if self.api.run_state(DAG, run_id) in ENDED else run_id, **WAIT)
        if self.api.run_state(DAG, run_id) == "success":
            return str(self.api.xcom(DAG, run_id, "refresh_data")["data_date"])
        logs = (self.site.paths.logs / "tasks" / f"dag_id={DAG}" / f"run_id={run_id}").rglob("*.log")
        return "".join(path.read_text() for path in logs)

    def runs(self, run_type: str) -> list[str]:
        return [str(run["dag_run_id"]) for run in self.api.runs(DAG) if run["run_type"] == run_type]


@pytest.fixture(scope="module", params=["America/Los_Angeles", "Asia/Kolkata"])
def airflow(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    dags: Path = tmp_path_factory.mktemp("dags")
    shutil.copy(ROOT / "tests" / "support" / "dags" / "dates_dag.py", dags)
    settings = {
        **local_bundle("dates", str(dags)),
        "AIRFLOW__CORE__DEFAULT_TIMEZONE": request.param,
        "AIRFLOW__BERT_SERVICE__WINDOW_DAYS": "1",
    }
    with new_site(used=True) as site, light_airflow(site, settings) as api:
        wait_until(lambda: "" if api.is_paused(DAG) is not None else str(api.import_errors()), **WAIT)
        api.set_paused(DAG, paused=False)
        yield Airflow(site, api, ZoneInfo(request.param))


def yesterdays(began: dt.datetime) -> set[str]:
    """Return the last day that was complete, UTC, when something began, and now."""
    return {str(moment.date() - dt.timedelta(days=1)) for moment in (began, dt.datetime.now(dt.timezone.utc))}


def test_the_toggle_gives_a_run_of_yesterday_utc(airflow: Airflow) -> None:
    began = dt.datetime.now(dt.timezone.utc)
    wait_until(lambda: "" if airflow.runs("scheduled") else "a scheduled run", **WAIT)
    (run,) = airflow.runs("scheduled")
    assert airflow.read_by(run) in yesterdays(began)


def test_a_date_on_the_command_line_is_the_day_that_is_read(airflow: Airflow) -> None:
    done = airflow.command("dags", "trigger", DAG, "-r", "dated", "-l", "2026-11-05")
    assert done.returncode == 0, done.stderr
    # On the day after, clocks in Los Angeles have changed: it is 25 hours long.
    done = airflow.command("dags", "trigger", DAG, "-r", "changing", "-l", "2026-11-01")
    assert done.returncode == 0, done.stderr
    assert [airflow.read_by("dated"), airflow.read_by("changing")] == ["2026-11-05", "2026-11-01"]


def test_what_a_browser_sends(airflow: Airflow) -> None:
    now = dt.datetime.now(dt.timezone.utc)
    midnight = dt.datetime(2026, 11, 6, tzinfo=airflow.zone)
    elsewhere = dt.datetime(2026, 11, 6, tzinfo=ZoneInfo("Asia/Tokyo"))
    sent = {
        "no date": None,
        "the form": now.isoformat(timespec="milliseconds"),
        "midnight in the default zone": midnight.isoformat(),
        "midnight UTC": "2026-11-07T00:00:00Z",
        "midnight in Tokyo": elsewhere.isoformat(),
    }
    for name, moment in sent.items():
        airflow.api.trigger(DAG, name.replace(" ", "_"), {}, logical_date=moment)
    read = {name: airflow.read_by(name.replace(" ", "_")) for name in sent}
    refused = read.pop("midnight in Tokyo")
    assert "the run's logical date is 2026-11-05T15:00:00+00:00; allowed: midnight, in UTC or in Airflow's" in refused
    assert {read.pop("no date"), read.pop("the form")} <= yesterdays(now)
    assert read == {"midnight in the default zone": "2026-11-06", "midnight UTC": "2026-11-07"}


def test_a_backfill_reads_the_days_of_its_dates(airflow: Airflow) -> None:
    # With SQLite, a backfill is made while the DAG is paused: docs/how-to/run-the-dag.md.
    airflow.api.set_paused(DAG, paused=True)
    words = ("backfill", "create", "--dag-id", DAG, "--from-date", "2026-10-31", "--to-date", "2026-11-02")
    wait_until(lambda: "" if airflow.command(*words).returncode == 0 else "the backfill", **WAIT)
    airflow.api.set_paused(DAG, paused=False)
    runs = airflow.runs("backfill")
    assert sorted(map(airflow.read_by, runs)) == ["2026-10-31", "2026-11-01", "2026-11-02"]


@pytest.mark.parametrize("browser", ["default", "Europe/Berlin", "America/Los_Angeles", "Asia/Kolkata"])
def test_the_backfill_form_is_for_the_days_that_it_shows(airflow: Airflow, browser: str) -> None:
    zone = airflow.zone if browser == "default" else ZoneInfo(browser)
    # What the form sends of two dates: the beginning of the first and the last millisecond of the last.
    first = dt.datetime(2026, 11, 3, tzinfo=zone)
    last = dt.datetime(2026, 11, 5, 23, 59, 59, 999_000, tzinfo=zone)
    dates = airflow.api.backfill_dates(
        DAG, *(moment.astimezone(dt.timezone.utc).isoformat() for moment in (first, last))
    )
    assert dates == ["2026-11-03T00:00:00Z", "2026-11-04T00:00:00Z", "2026-11-05T00:00:00Z"]
