"""Writes a run's note: its data date when it begins, and its tasks' verdicts when it ends. Airflow calls this listener.

It ignores the runs of DAGs in which no task is of an operator of this project. In the scheduler it knows without a
query; it goes by the operators' module, since operators of other people may have the same names. Of this project's, it
ignores the beginning of a run whose DAG has no task that reads a feed, and the end of one whose tasks have pushed no
verdict, after one query of their XComs.
A run that Airflow stops at its time limit may have no verdict: its tasks are skipped, also those that report. The note
has the reason then.
It runs in the scheduler, or in the API server when somebody sets a run's state by hand; never in a task. So it is the
same with every executor. It is imported in every process of Airflow's, and imports little.
"""

import datetime as dt
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow.listeners import hookimpl

from airflow_bert_service.exceptions import DataDateError
from airflow_bert_service.runs.data_date import data_date, facts_of
from airflow_bert_service.runs.note import AUTHOR, RunNote, RunNoteLine, note_of_beginning, note_with
from airflow_bert_service.runs.xcom import ADVICE, TIME_LIMIT, VERDICT

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from airflow.serialization.definitions.dag import SerializedDAG
    from sqlalchemy.engine import Connection

OPERATORS = "airflow_bert_service.operators"
"""Package of the operators whose tasks make a DAG this project's; by name, since importing it takes a second."""
_TIMED_OUT = "timed_out"
"""Airflow's word for a run that reached its ``dagrun_timeout``."""
_logger = logging.getLogger(__name__)

REFRESH = "DataRefreshOperator"
"""Name of the operator that reads a feed, as Airflow keeps it with the DAG."""

Merge = Callable[["Connection", RunNote | None], RunNote | None]
"""Makes a run's new note of the current one; None: no note."""


@hookimpl
def on_dag_run_running(dag_run: "DagRun") -> None:
    """Write the data date of a run that begins."""
    if not _has_task(dag_run, REFRESH):
        return
    try:
        day = data_date(facts_of(dag_run, dag_run.conf or {}))
    except DataDateError:
        return  # refresh_data fails with the reason
    _write(dag_run, lambda _, before: note_of_beginning(before, day))


@hookimpl
def on_dag_run_success(dag_run: "DagRun") -> None:
    """Write the note of a run that succeeded."""
    write_note(dag_run)


@hookimpl
def on_dag_run_failed(dag_run: "DagRun", msg: str) -> None:
    """Write the note of a run that failed, or was stopped at its time limit."""
    write_note(dag_run, timed_out=msg == _TIMED_OUT)


def write_note(dag_run: "DagRun", *, timed_out: bool = False) -> None:
    """Put the verdicts of a run's tasks on its note.

    It runs in the transaction in which Airflow ends the run. Errors are logged and do not affect the run.

    Args:
        dag_run: The run, in a database session.
        timed_out: Whether Airflow has stopped it at its time limit.
    """
    from sqlalchemy.orm import object_session

    # Where it cannot be known, `_write` says that nothing is written.
    is_known = getattr(dag_run, "dag", None) is not None or object_session(dag_run) is not None
    if is_known and not _has_task(dag_run):
        return

    def merge(connection: "Connection", before: RunNote | None) -> RunNote | None:
        ends = [_time_limit(connection, dag_run)] if timed_out else []
        return note_with(before, [*_verdicts(connection, dag_run.id), *ends])

    _write(dag_run, merge, only_told=True, timed_out=timed_out)


def _has_task(dag_run: "DagRun", kind: str = "") -> bool:
    """Whether the run's DAG has a task of an operator of this project; of one of this name where there is a name."""
    # The scheduler sets a run's DAG, as the database has it, before it calls; the API server does not.
    dag = getattr(dag_run, "dag", None) or _kept_dag(dag_run)
    # Airflow keeps the operator's class in two parts, and has no public name for the first.
    return dag is not None and any(
        str(getattr(task, "_task_module", "")).startswith(f"{OPERATORS}.") and kind in ("", task.task_type)
        for task in dag.task_dict.values()
    )


def _kept_dag(dag_run: "DagRun") -> "SerializedDAG | None":
    version = dag_run.created_dag_version
    return version.serialized_dag.dag if version is not None and version.serialized_dag is not None else None


def _write(dag_run: "DagRun", merge: Merge, *, only_told: bool = False, timed_out: bool = False) -> None:
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.orm import object_session

    session = object_session(dag_run)
    if session is None:
        # `airflow dags test` ends runs so.
        _logger.warning("run %s is not in a database session; its note was not written", dag_run.run_id)
        return
    try:
        if timed_out:
            session.flush()  # states of tasks that Airflow has skipped
        if only_told and not timed_out and not _is_told(session.connection(), dag_run.id):
            return
        session.flush()  # a note that is set by the same request
        # A savepoint: an error must not take the scheduler's transaction with it. Of the connection: the scheduler
        # forbids commits of its session, and those of a session's savepoints count among them.
        with session.connection().begin_nested():
            _update(session.connection(), dag_run.id, merge)
    except SQLAlchemyError:
        _logger.exception("the note of run %s of DAG %s was not written", dag_run.run_id, dag_run.dag_id)
        return
    # The session has not seen the change, and may have read the note before.
    if note := vars(dag_run).get("dag_run_note"):
        session.expire(note)
    session.expire(dag_run, ["dag_run_note"])


def _is_told(connection: "Connection", run: int) -> bool:
    """Whether a task of the run has pushed a verdict, or this listener has written the run's note before."""
    from airflow.models.dagrun import DagRunNote
    from airflow.models.xcom import XComModel
    from sqlalchemy import exists, or_, select

    verdict = exists().where(XComModel.dag_run_id == run, XComModel.key == VERDICT)
    note = exists().where(DagRunNote.dag_run_id == run, DagRunNote.user_id == AUTHOR)
    return bool(connection.scalar(select(or_(verdict, note))))


def _time_limit(connection: "Connection", dag_run: "DagRun") -> RunNoteLine:
    """Say how long the run took, and in which tasks it was: they are skipped, and have begun without having ended."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.state import TaskInstanceState
    from sqlalchemy import select

    rows = connection.scalars(
        select(TaskInstance.task_id)
        .where(
            TaskInstance.dag_id == dag_run.dag_id,
            TaskInstance.run_id == dag_run.run_id,
            TaskInstance.state == TaskInstanceState.SKIPPED,
            TaskInstance.start_date.is_not(None),
            TaskInstance.end_date.is_(None),
        )
        .order_by(TaskInstance.task_id)
    )
    tasks = ", ".join(rows.all()) or "no task"
    after = dt.timedelta(seconds=int(dag_run.duration or 0))
    return RunNoteLine("run", -1, f"{TIME_LIMIT}: stopped after {after}, in {tasks}. {ADVICE}")


def _update(connection: "Connection", run: int, merge: Merge) -> None:
    from airflow.models.dagrun import DagRunNote
    from sqlalchemy import delete, insert, select, update

    before = connection.execute(
        select(DagRunNote.content, DagRunNote.user_id).where(DagRunNote.dag_run_id == run)
    ).first()
    note = RunNote(before.content or "", before.user_id) if before else None
    wanted = merge(connection, note)
    if wanted == note:
        return
    if wanted is None:
        connection.execute(delete(DagRunNote).where(DagRunNote.dag_run_id == run))
        return
    values: dict[str, Any] = {"content": wanted.content, "user_id": wanted.author}
    if note is None:
        connection.execute(insert(DagRunNote).values(dag_run_id=run, **values))
    else:
        connection.execute(update(DagRunNote).where(DagRunNote.dag_run_id == run).values(**values))


def _verdicts(connection: "Connection", run: int) -> list[RunNoteLine]:
    from airflow.models.xcom import XComModel
    from sqlalchemy import select

    rows = connection.execute(
        select(XComModel.task_id, XComModel.map_index, XComModel.value)
        .where(XComModel.dag_run_id == run, XComModel.key == VERDICT)
        .order_by(XComModel.timestamp, XComModel.task_id, XComModel.map_index)
    )
    return [RunNoteLine(row.task_id, row.map_index, str(row.value)) for row in rows]
