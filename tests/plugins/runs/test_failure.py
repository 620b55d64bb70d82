"""Whatever fails a run, its note says why; by Airflow's real models, as the run ends."""

from pathlib import Path

import pytest
from airflow.models.dagrun import DagRun, DagRunNote
from airflow.models.taskinstance import TaskInstance
from airflow.utils.sqlalchemy import CommitProhibitorGuard
from airflow.utils.state import DagRunState
from airflow_bert_service.runs.annotations import VERDICT
from airflow_bert_service.runs.result import NO_ERROR
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from tests.plugins.gate_run import migrate, run_gate
from tests.plugins.runs.run_texts import RunTexts

pytestmark = pytest.mark.slow

BY_HAND = "Dag Run's state was manually set to `failed`."


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def run_id(left: Path) -> str:
    """A run whose first task failed, with an error of its own; the second one did not run."""
    migrate()
    return run_gate("failed", state=left)


def ended(run: DagRun, session: Session, msg: str = "task_failure") -> str:
    """End a run as the scheduler and the API server do; return its note."""
    with CommitProhibitorGuard(session):
        run.set_state(DagRunState.FAILED)
        run.notify_dagrun_state_changed(msg=msg)
    return session.scalar(select(DagRunNote.content).where(DagRunNote.dag_run_id == run.id)) or ""


def set_states(run: DagRun, session: Session, **states: str | None) -> None:
    for task_id, state in states.items():
        session.execute(
            update(TaskInstance)
            .where(TaskInstance.run_id == run.run_id, TaskInstance.task_id == task_id)
            .values(state=state)
        )


def test_a_task_that_failed_without_a_verdict_is_named_with_its_error(run: DagRun, session: Session) -> None:
    assert ended(run, session) == "run: failed: task ExampleValidator failed: out of memory"


def test_a_task_that_was_killed_or_marked_as_failed_left_no_error(
    run: DagRun, session: Session, texts: RunTexts
) -> None:
    texts.forget(run)
    assert ended(run, session) == f"run: failed: task ExampleValidator failed: {NO_ERROR}"


def test_a_run_that_somebody_marked_as_failed(run: DagRun, session: Session, texts: RunTexts) -> None:
    texts.forget(run)
    set_states(run, session, ExampleValidator="success", Trainer="skipped")
    assert ended(run, session, BY_HAND) == "run: failed: somebody marked the run as failed"
    set_states(run, session, Trainer="failed")
    assert ended(run, session, BY_HAND) == (
        f"run: failed: somebody marked the run as failed; task Trainer failed: {NO_ERROR}"
    )


def test_a_run_that_airflow_gave_up(run: DagRun, session: Session) -> None:
    set_states(run, session, ExampleValidator=None, Trainer=None)
    assert ended(run, session, "all_tasks_deadlocked") == (
        "run: failed: Airflow stopped the run, because no task of it could begin any more"
    )


def test_whatever_else_it_was_the_states_of_the_tasks_are_there(run: DagRun, session: Session) -> None:
    set_states(run, session, ExampleValidator="removed", Trainer="upstream_failed")
    note = ended(run, session, "")
    assert note.startswith("run: failed: no task failed, and none left a verdict (")
    assert "ExampleValidator removed" in note
    assert "Trainer upstream_failed" in note


def test_what_a_verdict_says_is_not_said_twice(
    tmp_path: Path, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__STATE", str(tmp_path))
    blocked = run_gate("blocked", state=tmp_path)
    run = session.scalar(select(DagRun).where(DagRun.run_id == blocked))
    assert run is not None
    session.execute(delete(DagRunNote))
    line = "ExampleValidator: blocked: split train: review has 3 missing values"
    assert ended(run, session) == line
    set_states(run, session, Trainer="failed")
    assert ended(run, session) == f"{line}\n\nrun: failed: task Trainer failed: {NO_ERROR}"
    texts = RunTexts(tmp_path / "annotations")
    texts.replace(run, VERDICT, "failed: task ExampleValidator failed: x; task Trainer failed: y")
    assert ended(run, session).count("task Trainer failed") == 1
