"""Writes a run's note: its data date when it begins, and its tasks' verdicts when it ends. Airflow calls this listener.

It ignores the beginning of a run whose DAG has no task that reads a feed, without a query, and the end of one whose
tasks have pushed no verdict, such as those of other DAGs, after one query of their XComs.
It runs in the scheduler, or in the API server when somebody sets a run's state by hand; never in a task. So it is the
same with every executor. It is imported in every process of Airflow's, and imports little.
"""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow.listeners import hookimpl

from airflow_bert_service.exceptions import DataDateError
from airflow_bert_service.runs.data_date import PARAMETER, RunFacts, data_date
from airflow_bert_service.runs.note import AUTHOR, RunNote, RunNoteLine, note_of_beginning, note_with
from airflow_bert_service.runs.xcom import VERDICT

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from sqlalchemy.engine import Connection

_logger = logging.getLogger(__name__)

REFRESH = "DataRefreshOperator"
"""Name of the operator that reads a feed, as Airflow keeps it with the DAG; a DAG that has such a task is ours."""

Merge = Callable[["Connection", RunNote | None], RunNote | None]
"""Makes a run's new note of the current one; None: no note."""


@hookimpl
def on_dag_run_running(dag_run: "DagRun") -> None:
    """Write the data date of a run that begins."""
    if not _reads_a_feed(dag_run):
        return
    try:
        day = data_date(_facts(dag_run))
    except DataDateError:
        return  # refresh_data fails with the reason
    _write(dag_run, lambda _, before: note_of_beginning(before, day))


@hookimpl
def on_dag_run_success(dag_run: "DagRun") -> None:
    """Write the note of a run that succeeded."""
    write_note(dag_run)


@hookimpl
def on_dag_run_failed(dag_run: "DagRun") -> None:
    """Write the note of a run that failed."""
    write_note(dag_run)


def write_note(dag_run: "DagRun") -> None:
    """Put the verdicts of a run's tasks on its note.

    It runs in the transaction in which Airflow ends the run. Errors are logged and do not affect the run.

    Args:
        dag_run: The run, in a database session.
    """
    run = dag_run.id
    _write(dag_run, lambda connection, before: note_with(before, _verdicts(connection, run)), only_ours=True)


def _reads_a_feed(dag_run: "DagRun") -> bool:
    # The scheduler sets a run's DAG, as the database has it, before it calls.
    dag = getattr(dag_run, "dag", None)
    return dag is not None and any(task.task_type == REFRESH for task in dag.task_dict.values())


def _facts(dag_run: "DagRun") -> RunFacts:
    return RunFacts(
        run_type=str(getattr(dag_run.run_type, "value", dag_run.run_type)),
        run_after=dag_run.run_after,
        logical_date=dag_run.logical_date,
        data_interval_start=dag_run.data_interval_start,
        data_date=(dag_run.conf or {}).get(PARAMETER),
    )


def _write(dag_run: "DagRun", merge: Merge, *, only_ours: bool = False) -> None:
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.orm import object_session

    session = object_session(dag_run)
    if session is None:
        # `airflow dags test` ends runs so.
        _logger.warning("run %s is not in a database session; its note was not written", dag_run.run_id)
        return
    try:
        if only_ours and not _is_ours(session.connection(), dag_run.id):
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


def _is_ours(connection: "Connection", run: int) -> bool:
    """Whether a task of the run has pushed a verdict, or this listener has written the run's note before."""
    from airflow.models.dagrun import DagRunNote
    from airflow.models.xcom import XComModel
    from sqlalchemy import exists, or_, select

    verdict = exists().where(XComModel.dag_run_id == run, XComModel.key == VERDICT)
    note = exists().where(DagRunNote.dag_run_id == run, DagRunNote.user_id == AUTHOR)
    return bool(connection.scalar(select(or_(verdict, note))))


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
