"""A run's note, written by Airflow's real models as the run ends."""

import datetime as dt
import json
import logging
import re
import shutil
from pathlib import Path

import pytest
from airflow.models.dagrun import DagRun, DagRunNote
from airflow.models.taskinstance import TaskInstance
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, BaseOperator
from airflow.serialization.serialized_objects import DagSerialization
from airflow.utils.sqlalchemy import CommitProhibitorGuard
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunType
from airflow_bert_service.bundle.snapshots import sources_version
from airflow_bert_service.operators.refresh import DataRefreshOperator
from airflow_bert_service.runs.annotations import VERDICT
from airflow_bert_service.runs.note import AUTHOR
from airflow_bert_service.runs.result import NO_ERROR
from airflow_bert_service.settings.settings import settings_from
from sqlalchemy import event, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from tests.plugins.gate_run import migrate, run_gate
from tests.plugins.runs.run_texts import RunTexts
from tests.plugins.toy_project import ToyProject

pytestmark = pytest.mark.slow

LINE = "ExampleValidator: blocked: split train: review has 3 missing values"


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def run_id(left: Path) -> str:
    migrate()
    return run_gate("blocked", state=left)


def end(run: DagRun, state: DagRunState, session: Session) -> tuple[str, str | None] | None:
    """End a run as the scheduler does; return content and author of its note."""
    with CommitProhibitorGuard(session):
        run.set_state(state)
        run.notify_dagrun_state_changed(msg="test")
    row = session.execute(
        select(DagRunNote.content, DagRunNote.user_id).where(DagRunNote.dag_run_id == run.id)
    ).one_or_none()
    return None if row is None else (row.content, row.user_id)


def of_a_dag(run: DagRun, *tasks: BaseOperator) -> DagRun:
    """The run, with a DAG of these tasks as Airflow's database keeps it."""
    with DAG("made_up", params={"data_date": None}) as dag:
        for task in tasks:
            dag.add_task(task)
    run.dag = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    return run


def begun(run: DagRun, session: Session, conf: dict[str, str]) -> tuple[str, str | None] | None:
    """Begin the run, as one that was triggered on the 8th; return content and author of its note."""
    of_a_dag(run, DataRefreshOperator(task_id="refresh_data", settings=settings_from({})))
    run.conf = conf
    run.logical_date = run.run_after = dt.datetime(2026, 11, 8, 9, 30, tzinfo=dt.timezone.utc)
    run.run_type = DagRunType.MANUAL
    return end(run, DagRunState.RUNNING, session)


@pytest.mark.parametrize(("conf", "day"), [({"data_date": "2026-11-05"}, "2026-11-05"), ({}, "2026-11-07")])
def test_a_run_that_begins_has_its_data_date_on_its_note(
    run: DagRun, session: Session, conf: dict[str, str], day: str
) -> None:
    assert begun(run, session, conf) == (f"data date: {day}", AUTHOR)
    assert end(run, DagRunState.FAILED, session) == (f"{LINE}\n\ndata date: {day}", AUTHOR)


@pytest.mark.parametrize(
    ("conf", "reason"),
    [
        ({"data_date": "soon"}, "parameter data_date is 'soon'; allowed: a day like 2026-11-05, or null"),
        ({"data_day": "2026-11-05"}, "the run's conf has 'data_day', which is no parameter (did you mean data_date?)"),
    ],
)
def test_a_run_that_is_going_to_be_refused_says_so_from_its_beginning(
    run: DagRun, session: Session, conf: dict[str, str], reason: str
) -> None:
    assert (note := begun(run, session, conf)) is not None
    assert note[0].startswith(f"refused: {reason}")
    assert end(run, DagRunState.FAILED, session) == (f"{note[0]}\n\n{LINE}", AUTHOR)


@pytest.fixture
def sources(run: DagRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sources of a project, whose DAG bundle the run's DAG is from."""
    root = ToyProject.lay_out(tmp_path).root
    bundle = {
        "name": run.dag_model.bundle_name,
        "classpath": "airflow_bert_service.bundle.dag_bundle.PipelineDagBundle",
        "kwargs": {"root": str(root), "state": str(tmp_path / "state")},
    }
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([bundle]))
    return root


def begin(run: DagRun, version: str | None, session: Session) -> str:
    """Begin a run of a version; return its note."""
    of_a_dag(run, DataRefreshOperator(task_id="refresh_data", settings=settings_from({})))
    run.conf = {"data_date": "2026-11-05"}
    run.bundle_version = version
    note = end(run, DagRunState.RUNNING, session)
    assert note is not None
    return note[0]


def test_a_run_that_begins_names_its_pipeline_version(run: DagRun, session: Session, sources: Path) -> None:
    version = sources_version(sources)
    assert begin(run, version, session) == f"data date: 2026-11-05; pipeline version: {version}"


def test_a_run_that_begins_before_newer_sources_are_in_service_says_so(
    run: DagRun, session: Session, sources: Path
) -> None:
    newer = sources_version(sources)
    assert begin(run, "1f3a0c5e77c0ffee", session) == (
        "data date: 2026-11-05; pipeline version: 1f3a0c5e77c0ffee; the sources on disk were others already: version "
        f"{newer}, not in service yet"
    )
    # They do not compile.
    assert begin(run, f"1f3a0c5e77c0ffee-failed-{newer}", session).startswith(
        "data date: 2026-11-05; pipeline version: 1f3a0c5e77c0ffee; the sources on disk were others already"
    )


@pytest.mark.parametrize("version", [None, "1f3a0c5e77c0ffee"])
def test_a_run_of_a_bundle_that_is_not_ours_names_no_version(
    run: DagRun, session: Session, version: str | None
) -> None:
    assert begin(run, version, session) == "data date: 2026-11-05"


class Theirs:
    """Operators of somebody else, with the names of this project's."""

    class DataRefreshOperator(BaseOperator):
        """Reads somebody's data."""

    class RetentionOperator(BaseOperator):
        """Removes somebody's data."""


THEIRS = (EmptyOperator, Theirs.DataRefreshOperator, Theirs.RetentionOperator)


@pytest.mark.parametrize("operator", THEIRS)
def test_a_run_that_begins_of_somebody_elses_dag_is_left_alone(
    run: DagRun, session: Session, operator: type[BaseOperator]
) -> None:
    of_a_dag(run, operator(task_id="theirs"))
    assert end(run, DagRunState.RUNNING, session) is None


def test_a_blocked_task_leaves_its_verdict_for_the_note(run: DagRun, texts: RunTexts) -> None:
    assert run.state == DagRunState.FAILED
    assert texts.of(run, VERDICT) == ["blocked: split train: review has 3 missing values"]


def test_a_run_that_passed_has_no_verdict_and_no_note(
    tmp_path: Path, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__STATE", str(tmp_path))
    passed = run_gate("complete", state=tmp_path)
    run = session.scalar(select(DagRun).where(DagRun.run_id == passed))
    assert run is not None
    assert (run.state, RunTexts(tmp_path / "annotations").of(run, VERDICT)) == (DagRunState.SUCCESS, [])
    assert end(run, DagRunState.SUCCESS, session) is None


@pytest.mark.parametrize("state", [DagRunState.FAILED, DagRunState.SUCCESS])
def test_the_note_is_written_in_the_transaction_that_ends_the_run(
    run: DagRun, session: Session, state: DagRunState
) -> None:
    assert end(run, state, session) == (LINE, AUTHOR)
    assert run.note == LINE


def test_it_is_written_anew_when_the_run_ends_again(run: DagRun, session: Session, texts: RunTexts) -> None:
    end(run, DagRunState.FAILED, session)
    texts.replace(run, VERDICT, "promoted: version 3")
    assert end(run, DagRunState.SUCCESS, session) == ("ExampleValidator: promoted: version 3", AUTHOR)
    texts.forget(run)
    assert end(run, DagRunState.SUCCESS, session) is None
    assert run.note is None


def test_what_an_earlier_try_of_a_task_has_left_is_not_on_the_note_of_a_run_that_failed(
    run: DagRun, session: Session, texts: RunTexts
) -> None:
    texts.replace_try(run, VERDICT, "promoted: version 3")
    assert end(run, DagRunState.FAILED, session) == (f"run: failed: task ExampleValidator failed: {NO_ERROR}", AUTHOR)


def test_the_note_of_a_run_whose_texts_retention_has_removed_stays(
    run: DagRun, session: Session, tmp_path: Path
) -> None:
    note = end(run, DagRunState.FAILED, session)
    shutil.rmtree(tmp_path / "state" / "annotations")
    assert end(run, DagRunState.SUCCESS, session) == note


@pytest.mark.parametrize("operator", THEIRS)
def test_the_run_of_somebody_elses_dag_is_not_even_looked_at(
    run: DagRun, session: Session, operator: type[BaseOperator]
) -> None:
    of_a_dag(run, operator(task_id="theirs"))
    assert (statements_of_end(run, session), run.note) == ([], "Somebody's own.")


def test_a_run_that_succeeds_and_whose_tasks_left_nothing_is_left_alone(
    run: DagRun, session: Session, tmp_path: Path
) -> None:
    """Its note and the transaction that ends it are none of our business."""
    shutil.rmtree(tmp_path / "state" / "annotations")
    of_a_dag(run, DataRefreshOperator(task_id="refresh_data", settings=settings_from({})))
    assert (statements_of_end(run, session), run.note) == ([], "Somebody's own.")


def statements_of_end(run: DagRun, session: Session) -> list[str]:
    """End a run that has somebody's note; return the kinds of the statements that the listener sends."""
    run.note = ("Somebody's own.", "anna")
    run.set_state(DagRunState.SUCCESS)
    session.flush()
    engine = session.get_bind()
    statements: list[str] = []

    def remember(*arguments: object) -> None:
        statements.append(str(arguments[2]))

    event.listen(engine, "before_cursor_execute", remember)
    try:
        run.notify_dagrun_state_changed(msg="test")
    finally:
        event.remove(engine, "before_cursor_execute", remember)

    return [statement.split()[0] for statement in statements]


def time_out(run: DagRun, session: Session) -> tuple[str, str | None] | None:
    """End a run as the scheduler does at its time limit: tasks that have not ended are skipped."""
    session.execute(
        update(TaskInstance)
        .where(TaskInstance.run_id == run.run_id)
        .values(state=TaskInstanceState.SKIPPED, start_date=run.start_date, end_date=None)
    )
    with CommitProhibitorGuard(session):
        run.set_state(DagRunState.FAILED)
        run.notify_dagrun_state_changed(msg="timed_out")
    row = session.execute(
        select(DagRunNote.content, DagRunNote.user_id).where(DagRunNote.dag_run_id == run.id)
    ).one_or_none()
    return None if row is None else (row.content, row.user_id)


def test_a_run_that_was_stopped_at_its_time_limit_says_so(run: DagRun, session: Session, texts: RunTexts) -> None:
    texts.forget(run)
    assert (note := time_out(run, session)) is not None
    assert re.fullmatch(
        r"run: time limit: stopped after \d+:\d\d:\d\d, in Evaluator, ExampleValidator, Trainer\. "
        r"Look for what it waited for; .*",
        note[0],
    )
    assert note[1] == AUTHOR


@pytest.mark.parametrize("operator", THEIRS)
def test_somebody_elses_run_that_was_stopped_gets_no_note(
    run: DagRun, session: Session, operator: type[BaseOperator]
) -> None:
    of_a_dag(run, operator(task_id="theirs"))
    assert time_out(run, session) is None


def test_a_users_note_stays(run: DagRun, session: Session) -> None:
    run.note = ("Tried again.", "anna")
    assert end(run, DagRunState.FAILED, session) == (f"Tried again.\n\n{LINE}", "anna")
    assert end(run, DagRunState.FAILED, session) == (f"Tried again.\n\n{LINE}", "anna")


def test_a_failure_is_logged_and_the_run_still_ends(
    run: DagRun, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    engine = session.get_bind()

    def refuse(*arguments: object) -> None:
        if "INSERT INTO dag_run_note" in str(arguments[2]):
            raise OperationalError(str(arguments[2]), None, Exception("database is full"))

    event.listen(engine, "before_cursor_execute", refuse)
    try:
        with caplog.at_level(logging.ERROR):
            assert end(run, DagRunState.FAILED, session) is None
    finally:
        event.remove(engine, "before_cursor_execute", refuse)
    assert f"the note of run {run.run_id} of DAG gate was not written" in caplog.text
    session.flush()
    session.expire(run)
    assert run.state == DagRunState.FAILED


def test_a_run_outside_of_a_session_is_left_alone_as_in_dags_test(
    run: DagRun, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    session.expunge(run)
    with caplog.at_level(logging.WARNING):
        run.notify_dagrun_state_changed(msg="test")
    assert "is not in a database session; its note was not written" in caplog.text
