"""Promotions in a real Airflow: backfills, runs at the same time, pushes that are killed. Only training takes no time.

The Pusher, its judge, the ledger, the node server and all of Airflow are the real ones.
"""

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow_bert_service.markdown import escaped

from scripts.stack.waiting import wait_until
from tests.e2e.conftest import DAG, new_site
from tests.e2e.promotions import ENDED, WAIT, Running, pipeline_settings, running_airflow

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    settings = pipeline_settings(tmp_path_factory.mktemp("snapshot"))
    # The schedule makes a run for the day before the last one, which is a promotion like others.
    with new_site(used=True) as site, running_airflow(site, settings) as started:
        yield started


def verdicts(running: Running, *runs: str) -> dict[str, dict[str, Any]]:
    """Return the one verdict of each run, by data date."""
    found = [event for event in running.ledger() if event["final"] and event["run_id"] in runs]
    assert len(found) == len(runs)
    return {event["data_date"]: event for event in found}


def trigger(running: Running, run_id: str, day: str, **conf: str) -> None:
    running.api.trigger(DAG, run_id, {"data_date": day, **conf})


def task_state(running: Running, run_id: str, task_id: str) -> str:
    return next(task.state for task in running.api.tasks(DAG, run_id) if task.task_id == task_id)


def backfill(running: Running, first: str, last: str, *options: str) -> dict[str, dict[str, Any]]:
    """Run a backfill of three days to its end; return its runs' verdicts by data date."""
    before = set(running.wait(0))
    days = ("--from-date", first, "--to-date", last, "--max-active-runs", "3")
    command = ("scripts/bert", "airflow", "backfill", "create", "--dag-id", DAG, *days, *options)

    # Airflow closes the backfill before at its leisure, and refuses another until then.
    wait_until(lambda: "the backfill before" if running.api.has_open_backfill(DAG) else "", **WAIT)
    running.command(*command)
    ended = running.wait(len(before) + 3)
    runs = set(ended) - before
    assert {ended[run] for run in runs} == {"success"}, running.errors()
    return verdicts(running, *runs)


def test_after_backfills_of_either_direction_the_newest_date_is_live(running: Running) -> None:
    forward = backfill(running, "2026-11-03", "2026-11-05")

    assert sorted(forward) == ["2026-11-03", "2026-11-04", "2026-11-05"]
    assert forward["2026-11-05"]["version"] == running.served() == 2026110501

    backwards = backfill(running, "2026-11-08", "2026-11-10", "--run-backwards")

    assert backwards["2026-11-10"]["version"] == running.served() == 2026111001
    everything = {**forward, **backwards}
    assert {event["kind"] for event in everything.values()} <= {"promoted", "superseded"}
    for event in everything.values():
        if event["kind"] == "superseded":
            assert event["reason"].startswith(f"data date {event['data_date']} is before ")
        run = next(run for run in running.api.runs(DAG) if run["dag_run_id"] == event["run_id"])
        assert escaped(event["reason"]) in run["note"]
        state = "success" if event["kind"] == "promoted" else "skipped"
        assert task_state(running, event["run_id"], "Pusher") == state
        assert task_state(running, event["run_id"], "promoted_model") == state


def test_of_two_runs_at_the_same_time_the_worse_is_blocked_by_the_better_although_it_ends_last(
    running: Running, tmp_path: Path
) -> None:
    before = running.served()
    trigger(running, "worse", "2026-11-12", word="poor", wait_for=str(tmp_path / "go"))
    wait_until(lambda: "" if task_state(running, "worse", "Resolver") == "success" else "the baseline", **WAIT)
    (baseline,) = running.api.xcom(DAG, "worse", "Resolver")["outputs"]["model"]
    trigger(running, "better", "2026-11-11")
    wait_until(lambda: "" if running.api.run_state(DAG, "better") in ENDED else "the better one", **WAIT)
    assert running.served() == 2026111101 > before

    (tmp_path / "go").touch()
    wait_until(lambda: "" if running.api.run_state(DAG, "worse") in ENDED else "the worse one", **WAIT)

    better, worse = verdicts(running, "better", "worse").values()
    assert better["model_uri"].startswith(baseline["uri"]) is False
    assert (better["version"], better["champion"]) == (2026111101, before)
    assert (worse["kind"], worse["champion"]) == ("blocked", 2026111101)
    assert "accuracy 0.000 < 0.700, the floor" in worse["reason"]
    assert running.served() == 2026111101


def test_a_push_that_is_killed_at_any_step_is_tried_again_and_has_one_outcome(running: Running) -> None:
    # The tests of the Pusher itself kill it at every step.
    runs = {f"kill-{step}": f"2026-11-{13 + number % 2}" for number, step in enumerate(range(0, 16, 4))}
    for run_id, day in runs.items():
        trigger(running, run_id, day)
    for run_id in runs:
        wait_until(lambda: "" if running.api.run_state(DAG, run_id) in ENDED else run_id, **WAIT)  # noqa: B023

    assert {running.api.run_state(DAG, run_id) for run_id in runs} == {"success"}
    tries = [next(task for task in running.api.tasks(DAG, run_id) if task.task_id == "Pusher") for run_id in runs]
    assert [task.try_number for task in tries] == [2] * len(runs)
    found = [event for event in running.ledger() if event["run_id"] in runs]
    assert sorted(event["run_id"] for event in found) == sorted(runs)
    assert all(event["final"] for event in found)
    live = json.loads(running.command("scripts/bert", "models", "live", "--json"))[0]["version"]
    assert (running.served(), live // 100) == (live, 20261114)
    withdrawn = running.site.paths.models.with_name("bert_sentiment.withdrawn")
    assert not list(withdrawn.glob(".*"))


def test_a_new_user_s_two_questions_have_a_command_each(running: Running) -> None:
    live = running.command("scripts/bert", "models", "live", "--at", "today")
    why = running.command("scripts/bert", "models", "why", "2026-11-12")

    assert f"{running.served()}  " in live
    assert "until now UTC" in live
    assert "  worse  blocked: accuracy 0.000 < 0.700, the floor" in why


def test_dags_that_wait_for_the_model_run_for_the_last_complete_day(running: Running) -> None:
    today = dt.datetime.now(dt.timezone.utc).date()
    wait_until(lambda: "" if running.api.runs("after_promotion", "success") else "the waiting DAG", **WAIT)

    run = running.api.runs("after_promotion", "success")[0]
    day = dt.date.fromisoformat(running.api.xcom("after_promotion", run["dag_run_id"], "day_of_run"))

    assert run["run_type"] == "asset_triggered"
    # The tests may have run over midnight.
    assert dt.timedelta(days=1) <= today - day <= dt.timedelta(days=2)
