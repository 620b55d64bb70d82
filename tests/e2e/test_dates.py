"""What runs of all kinds read, in a running stack: the table in docs/explanation/dates.md is made of it."""

import csv
import datetime as dt
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from scripts.stack.waiting import ProgressReporter, wait_until
from tests.e2e.conftest import DAG, ROOT, RunningStack, new_site, running

pytestmark = pytest.mark.slow

DOCS = ROOT / "docs" / "explanation" / "dates.md"
TABLE = re.compile(r"(?<=anew -->\n).*?(?=<!-- end -->)", re.DOTALL)
FIRST, LAST, MISSING = dt.date(2026, 11, 1), dt.date(2026, 11, 12), dt.date(2026, 11, 11)
ROWS = 60
DATA_ONLY = {"mode": "data_only"}
RUN_SECONDS = 420.0
ONE_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Delivery:
    """A folder that files by date come in to."""

    folder: Path

    def deliver(self, day: dt.date, first: str = "fine") -> None:
        """Write a day's file; its first review has a word of its own."""
        with (self.folder / f"{day}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("id", "review", "sentiment"))
            for number in range(ROWS):
                sentiment, word = ("negative", "positive")[number % 2], "fine" if number else first
                writer.writerow((f"{day}-{number}", f"Film {number} was {word}, and I am {sentiment}.", sentiment))


def last_complete_day() -> dt.date:
    return dt.datetime.now(dt.timezone.utc).date() - ONE_DAY


@pytest.fixture(scope="module")
def delivery(tmp_path_factory: pytest.TempPathFactory) -> Delivery:
    made = Delivery(tmp_path_factory.mktemp("reviews"))
    old = {FIRST + ONE_DAY * n for n in range((LAST - FIRST).days + 1)} - {MISSING}
    # One more, in case the tests run over midnight.
    recent = {last_complete_day() + ONE_DAY * n for n in range(-2, 2)}
    for day in old | recent:
        made.deliver(day)
    return made


@pytest.fixture(scope="module")
def stack(delivery: Delivery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    settings = {
        "FEED": "files",
        "FILES_PATTERN": f"{delivery.folder}/{{date}}.csv",
        "FIRST_DAY": str(FIRST),
        "WINDOW_DAYS": "3",
    }
    with new_site(used=True) as made:
        environ = {**made.environ, **{f"AIRFLOW__BERT_SERVICE__{key}": value for key, value in settings.items()}}
        with running(replace(made, environ=environ), tmp_path_factory.mktemp("stack") / "up.log") as stack:
            yield stack


def read_by(stack: RunningStack, run_id: str) -> str:
    """Return which days a run read, as its tasks say."""
    refreshed = stack.api.xcom(DAG, run_id, "refresh_data")
    (examples,) = stack.api.xcom(DAG, run_id, "CsvExampleGen")["outputs"]["examples"]
    last = refreshed["data_date"]
    versions: dict[str, int] = json.loads(refreshed["span_versions"])
    assert list(versions)[-1] == last
    assert refreshed["rows"] == ROWS * len(versions)
    assert int(examples["properties"]["span"]) == (dt.date.fromisoformat(last) - dt.date(1970, 1, 1)).days
    assert int(examples["properties"]["version"]) == versions[last]
    return ", ".join(short(dt.date.fromisoformat(day)) + ("" if n == 1 else f" (v{n})") for day, n in versions.items())


def short(day: dt.date) -> str:
    """Name a day as the table does: the days around now as what they are."""
    return f"{day:%m-%d}" if day <= LAST else {0: "T", 1: "T-1", 2: "T-2"}[(last_complete_day() - day).days]


def eventually(found: Callable[[], bool], what: str) -> None:
    wait_until(lambda: "" if found() else what, seconds=RUN_SECONDS, progress=ProgressReporter(print), every=1.0)


def table(rows: list[tuple[str, str, str]]) -> str:
    lines = [("Command", "Run", "Read"), ("---",) * 3, *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def create_backfill(stack: RunningStack, command: tuple[str, ...]) -> None:
    """Create a backfill; Airflow refuses it until it has closed the one before."""
    eventually(lambda: not stack.api.has_open_backfill(DAG), "the backfill before to be closed")
    stack.airflow(*command)


def backfilled(stack: RunningStack, before: set[str], count: int) -> dict[str, str]:
    """Wait until a backfill's runs have ended well; return their data dates by id, in the order in which they ran."""
    stack.wait_for_runs("backfill", len(before) + count, count * RUN_SECONDS)
    found: list[dict[str, Any]] = [run for run in stack.api.runs(DAG, "success") if run["run_type"] == "backfill"]
    ran = sorted((run for run in found if run["dag_run_id"] not in before), key=lambda run: run["start_date"])
    assert len(ran) == count
    return {run["dag_run_id"]: stack.api.xcom(DAG, run["dag_run_id"], "refresh_data")["data_date"] for run in ran}


def one(stack: RunningStack, run_id: str, state: str) -> str:
    """Wait until a run has ended in a state; return its id."""
    eventually(lambda: stack.api.run_state(DAG, run_id) in ("success", "failed"), run_id)
    assert stack.api.run_state(DAG, run_id) == state, run_id
    return run_id


def scheduled_run(stack: RunningStack) -> str:
    """Wait until the schedule has made a run, and that one has read its days; return its id."""
    found: list[str] = []

    def has_read() -> bool:
        found[:] = [run["dag_run_id"] for run in stack.api.runs(DAG) if run["run_type"] == "scheduled"]
        tasks = stack.api.tasks(DAG, found[0]) if found else []
        return any(task.task_id == "CsvExampleGen" and task.state == "success" for task in tasks)

    eventually(has_read, "a scheduled run")
    (run_id,) = found
    return run_id


def test_what_runs_of_all_kinds_read(stack: RunningStack, delivery: Delivery) -> None:
    rows: list[tuple[str, str, str]] = []
    conf = ("--dag-run-conf", json.dumps(DATA_ONLY), "--max-active-runs", "1")
    backfill = ("backfill", "create", "--dag-id", DAG, *conf)
    stack.api.set_paused(DAG, paused=False)

    # A run that the schedule makes has the form's defaults: it would train.
    scheduled = scheduled_run(stack)
    rows.append(("the toggle", "scheduled", read_by(stack, scheduled)))
    stack.api.fail_run(DAG, scheduled)

    first = (*backfill, "--from-date", "2026-11-03", "--to-date", "2026-11-07")
    create_backfill(stack, first)
    forward = backfilled(stack, set(), 5)
    assert list(forward.values()) == [f"2026-11-0{day}" for day in range(3, 8)]
    how = "`airflow backfill create --from-date 2026-11-03 --to-date 2026-11-07`"
    rows += [(how, f"backfill, {day[5:]}", read_by(stack, run)) for run, day in forward.items()]

    second = (*backfill, "--from-date", "2026-11-09", "--to-date", "2026-11-10", "--run-backwards")
    create_backfill(stack, second)
    backwards = backfilled(stack, set(forward), 2)
    assert list(backwards.values()) == ["2026-11-10", "2026-11-09"]
    how = "`airflow backfill create --from-date 2026-11-09 --to-date 2026-11-10 --run-backwards`"
    rows += [(how, f"backfill, {day[5:]}", read_by(stack, run)) for run, day in backwards.items()]

    stack.airflow("dags", "trigger", DAG, "-l", "2026-11-08", "-r", "logical", "--conf", json.dumps(DATA_ONLY))
    rows.append(("`airflow dags trigger -l 2026-11-08`", "manual", read_by(stack, one(stack, "logical", "success"))))

    delivery.deliver(dt.date(2026, 11, 5), "corrected")
    again = json.dumps({**DATA_ONLY, "data_date": "2026-11-05"})
    stack.airflow("dags", "trigger", DAG, "-r", "again", "--conf", again)
    read = read_by(stack, one(stack, "again", "success"))
    rows.append(
        ('`airflow dags trigger --conf \'{"data_date": "2026-11-05"}\'`, 11-05 delivered again', "manual", read)
    )
    # What a run of before the correction names has not changed, and is still there.
    assert read_by(stack, list(forward)[2]) == "11-03, 11-04, 11-05"
    spans = stack.site.paths.state / "spans" / "2026-11-05"
    assert "was corrected" not in (spans / "v1" / "reviews.csv").read_text()
    assert "was corrected" in (spans / "v2" / "reviews.csv").read_text()

    stack.api.trigger(DAG, "undated", DATA_ONLY)
    rows.append(("REST, without a date", "manual", read_by(stack, one(stack, "undated", "success"))))

    stack.api.trigger(DAG, "missing", {**DATA_ONLY, "data_date": str(LAST)})
    one(stack, "missing", "failed")
    log = "".join(path.read_text() for path in stack.site.paths.logs.rglob("*missing*/**/*refresh_data*/**/*.log"))
    assert f"feed files has no reviews of {MISSING}: there is no file {delivery.folder}/{MISSING}.csv" in log
    assert not (stack.site.paths.state / "spans" / str(MISSING)).exists()
    rows.append(("REST, `data_date` 2026-11-12, 11-11 missing", "manual", "fails, and names 2026-11-11 and its file"))

    made = table(rows)
    if os.environ.get("UPDATE_DOCS"):
        DOCS.write_text(TABLE.sub(lambda _: made, DOCS.read_text()))
    assert TABLE.search(DOCS.read_text())[0] == made  # type: ignore[index]
