"""Writes a run's note: data date and pipeline version when it begins, and its tasks' verdicts when it ends.

Airflow calls this listener.

It ignores the runs of DAGs in which no task is of an operator of this project. In the scheduler it knows without a
query; it goes by the operators' module, since operators of other people may have the same names. Of this project's, it
ignores the end of a run that succeeded without a verdict, also without a query.
A run whose conf cannot be used has the reason on its note from the beginning: Airflow starts it all the same, and its
first task fails. A failed run may have no verdict, as where Airflow stops it at its time limit: its tasks are skipped,
also those that report. The note has the reason then.
That runs in the scheduler, or in the API server when somebody sets a run's state by hand; never in a task. So it is the
same with every executor. Where a task begins, in the task's own process, what an earlier try of it has left is removed.
The module is imported in every process of Airflow's, and imports little.
"""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from airflow.listeners import hookimpl

from airflow_bert_service.exceptions import DataDateError, RunConfError, SettingsError
from airflow_bert_service.markdown import escaped
from airflow_bert_service.runs.annotations import VERDICT, TaskTry, annotation_store, in_order
from airflow_bert_service.runs.conf import check_conf, parameters_of
from airflow_bert_service.runs.data_date import data_date, facts_of
from airflow_bert_service.runs.failure import failure_line, of_last_tries
from airflow_bert_service.runs.note import REFUSED, RunNote, RunNoteLine, dated, note_of_beginning, note_with
from airflow_bert_service.runs.sources import sources_note

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from airflow.serialization.definitions.dag import SerializedDAG
    from sqlalchemy.orm import Session

OPERATORS = "airflow_bert_service.operators"
"""Package of the operators whose tasks make a DAG this project's; by name, since importing it takes a second."""
_logger = logging.getLogger(__name__)

REFRESH = "DataRefreshOperator"
"""Name of the operator that reads a feed, as Airflow keeps it with the DAG."""

Merge = Callable[["Session", RunNote | None], RunNote | None]
"""Makes a run's new note of the current one; None: no note."""


@hookimpl
def on_task_instance_running(task_instance: TaskTry) -> None:
    """Remove what an earlier try of the task has left: its last try may leave nothing."""
    try:
        annotation_store().begin(task_instance)
    except (OSError, SettingsError):
        _logger.exception("what an earlier try of task %s has left was not removed", task_instance.task_id)


@hookimpl
def on_dag_run_running(dag_run: "DagRun") -> None:
    """Write the data date and the pipeline version of a run that begins, or why it is going to fail."""
    if heading := _heading(dag_run):
        _write(dag_run, lambda _, before: note_of_beginning(before, heading))


@hookimpl
def on_dag_run_success(dag_run: "DagRun") -> None:
    """Write the note of a run that succeeded."""
    write_note(dag_run)


@hookimpl
def on_dag_run_failed(dag_run: "DagRun", msg: str) -> None:
    """Write the note of a run that failed, or was stopped at its time limit."""
    write_note(dag_run, failed=msg)


def write_note(dag_run: "DagRun", *, failed: str | None = None) -> None:
    """Put the verdicts of a run's tasks on its note, and why it failed where no verdict says so.

    It runs in the transaction in which Airflow ends the run. Errors are logged and do not affect the run.

    Args:
        dag_run: The run, in a database session.
        failed: Airflow's message about a run that failed; None: it succeeded.
    """
    from sqlalchemy.orm import object_session

    # Where it cannot be known, `_write` says that nothing is written.
    is_known = getattr(dag_run, "dag", None) is not None or object_session(dag_run) is not None
    if is_known and ((dag := _dag_of(dag_run)) is None or not _has_task(dag)):
        return

    def merge(session: "Session", before: RunNote | None) -> RunNote | None:
        left = annotation_store().of_run(dag_run.dag_id, dag_run.run_id)
        left = left if failed is None else of_last_tries(session, dag_run, left)
        verdicts = [RunNoteLine(one.task_id, one.map_index, text) for one, text in in_order(left, VERDICT)]
        reason = None if failed is None else failure_line(session, dag_run, failed, left)
        return note_with(before, [*verdicts, *([reason] if reason else [])])

    _write(dag_run, merge, only_told=True, failed=failed is not None)


def _dag_of(dag_run: "DagRun") -> "SerializedDAG | None":
    """Return a run's DAG as the database has it; None: the database has none."""
    # The scheduler sets it before it calls; the API server does not.
    if (dag := getattr(dag_run, "dag", None)) is not None:
        return cast("SerializedDAG", dag)
    version = dag_run.created_dag_version
    return version.serialized_dag.dag if version is not None and version.serialized_dag is not None else None


def _has_task(dag: "SerializedDAG", kind: str = "") -> bool:
    """Whether a DAG has a task of an operator of this project; of one of this name where there is a name."""
    # Airflow keeps the operator's class in two parts, and has no public name for the first.
    return any(
        str(getattr(task, "_task_module", "")).startswith(f"{OPERATORS}.") and kind in ("", task.task_type)
        for task in dag.task_dict.values()
    )


def _heading(dag_run: "DagRun") -> str:
    """Return what a run's note begins with; empty for a run that is not of this project."""
    dag = _dag_of(dag_run)
    if dag is None or not _has_task(dag):
        return ""
    try:
        check_conf(dag_run.conf, parameters_of(dag))
        if not _has_task(dag, REFRESH):
            return ""
        return dated(data_date(facts_of(dag_run, dag_run.conf or {})), sources_note(dag_run))
    except (RunConfError, DataDateError) as error:
        return f"{REFUSED}{escaped(str(error))}"


def _write(dag_run: "DagRun", merge: Merge, *, only_told: bool = False, failed: bool = False) -> None:
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.orm import object_session

    session = object_session(dag_run)
    if session is None:
        # `airflow dags test` ends runs so.
        _logger.warning("run %s is not in a database session; its note was not written", dag_run.run_id)
        return
    try:
        if failed:
            session.flush()  # states of tasks that have been changed with the run's
        if only_told and not failed and not annotation_store().knows(dag_run.dag_id, dag_run.run_id):
            return
        session.flush()  # a note that is set by the same request
        # A savepoint: an error must not take the scheduler's transaction with it. Of the connection: the scheduler
        # forbids commits of its session, and those of a session's savepoints count among them.
        with session.connection().begin_nested():
            _update(session, dag_run.id, merge)
    except (SQLAlchemyError, OSError, SettingsError):
        _logger.exception("the note of run %s of DAG %s was not written", dag_run.run_id, dag_run.dag_id)
        return
    # The session has not seen the change, and may have read the note before.
    if note := vars(dag_run).get("dag_run_note"):
        session.expire(note)
    session.expire(dag_run, ["dag_run_note"])


def _update(session: "Session", run: int, merge: Merge) -> None:
    from airflow.models.dagrun import DagRunNote
    from sqlalchemy import delete, insert, select, update

    connection = session.connection()
    before = connection.execute(
        select(DagRunNote.content, DagRunNote.user_id).where(DagRunNote.dag_run_id == run)
    ).first()
    note = RunNote(before.content or "", before.user_id) if before else None
    wanted = merge(session, note)
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
