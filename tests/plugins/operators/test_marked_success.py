"""Tasks that somebody marks as a success before they have run: the next one says so, and nothing claims a promotion."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from airflow.models.asset import AssetEvent
from airflow.utils.session import create_session
from airflow_bert_service.runs.annotations import FAILURE, VERDICT, AnnotationStore, in_order
from sqlalchemy import func, select

from tests.plugins.gate_run import migrate, run_dag

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Ended:
    """A run that has ended."""

    state: str
    tasks: dict[str, str]
    log: str
    failures: dict[str, str]
    """What ended each task that failed."""
    verdict: str
    """What the note says."""
    ledger: list[tuple[str, str]]
    """Kind and reason of each event."""


@pytest.fixture(scope="module", autouse=True)
def _database() -> None:
    migrate()


def run(state: Path, pattern: str, dag: str = "marked") -> Ended:
    """Run a DAG of marked_dag.py, with the tasks marked as a success whose id matches a pattern."""
    (state / "ledger").mkdir(parents=True, exist_ok=True)
    before = promotions()
    printed = run_dag("marked_dag.py", dag, pattern, state=state, AIRFLOW__BERT_SERVICE__WINDOW_DAYS="2")
    ended = json.loads(printed.splitlines()[-1])
    ledger = state / "ledger" / "ledger.db"
    events = json.loads(ledger.read_text())["events"] if ledger.exists() else []
    assert promotions() == before, "the model's asset has an event"
    left = AnnotationStore(state / "annotations").of_run(dag, ended["run_id"])
    return Ended(
        state=ended["state"],
        tasks=ended["tasks"],
        log=printed,
        failures={one.task_id: text for one, text in in_order(left, FAILURE)},
        verdict=next((text for _, text in in_order(left, VERDICT)), ""),
        ledger=[(event["kind"], event["reason"]) for event in events],
    )


def promotions() -> int:
    with create_session() as session:
        return session.scalar(select(func.count()).select_from(AssetEvent)) or 0


def test_the_task_after_refresh_data_says_what_happened_and_what_to_do(tmp_path: Path) -> None:
    ended = run(tmp_path, "refresh_data")
    reason = (
        "CsvExampleGen needs the result of refresh_data, which is a success and has none: it was marked as a success "
        "by hand, and has not run to its end. Clear refresh_data in this run, with the tasks after it."
    )
    assert (ended.state, ended.tasks["CsvExampleGen"], ended.tasks["Pusher"]) == ("failed", "failed", "upstream_failed")
    assert ended.failures["CsvExampleGen"] == reason
    assert ended.verdict == f"failed: task CsvExampleGen failed: {reason}"
    assert ended.ledger == [("failed", f"task CsvExampleGen failed: {reason}")]
    assert reason in ended.log


def test_every_task_that_takes_its_result_says_so(tmp_path: Path) -> None:
    ended = run(tmp_path, "refresh_data|CsvExampleGen")
    assert ended.failures["Pusher"].startswith("Pusher needs the result of refresh_data, CsvExampleGen, which")
    assert ended.ledger == [("failed", f"task Pusher failed: {ended.failures['Pusher']}")]


def test_a_pusher_that_did_not_run_promotes_nothing_and_nobody_says_that_it_did(tmp_path: Path) -> None:
    ended = run(tmp_path, "Pusher")
    assert (ended.state, ended.tasks["promoted_model"]) == ("failed", "failed")
    assert ended.failures["promoted_model"] == "the run ended without a verdict; failed: no task"
    ((kind, reason),) = ended.ledger
    assert (kind, ended.verdict) == ("failed", f"failed: {reason}")
    assert reason.endswith("Pusher success); marked as a success by hand, without a result: Pusher")


def test_tasks_that_tell_of_the_run_tell_nothing_when_they_did_not_run(tmp_path: Path) -> None:
    ended = run(tmp_path, "promoted_model|notify_promotion")
    assert (ended.ledger, ended.verdict) == ([], "")


def test_a_rollback_that_did_not_run_is_not_announced_as_one(tmp_path: Path) -> None:
    ended = run(tmp_path, "roll_back", dag="marked_rollback")
    assert (ended.state, ended.tasks["promoted_model"]) == ("failed", "failed")
    ((kind, reason),) = ended.ledger
    assert (kind, ended.verdict) == ("failed", f"failed: {reason}")
    assert reason.endswith("(roll_back success); marked as a success by hand, without a result: roll_back")
