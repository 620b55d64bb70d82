"""Says why a run failed, where none of its tasks' verdicts does, by how its tasks ended in Airflow's database.

It is used in the scheduler and the API server, by the listener.
"""

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_bert_service.runs.annotations import FAILURE, VERDICT, TaskAnnotations, in_order
from airflow_bert_service.runs.note import RunNoteLine
from airflow_bert_service.runs.result import TaskEnd, explain_failure
from airflow_bert_service.runs.running_task import ADVICE, TIME_LIMIT

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from sqlalchemy.orm import Session

TIMED_OUT = "timed_out"
"""Airflow's word for a run that reached its ``dagrun_timeout``."""
_RUN = "run"  # stands in the note where a task's id stands else
_BY_HAND = "manually set to"  # in what Airflow says where somebody sets a run's state
_DEADLOCK = "all_tasks_deadlocked"
_CAUSES = {
    _BY_HAND: "somebody marked the run as failed",
    _DEADLOCK: "Airflow stopped the run, because no task of it could begin any more",
}


def of_last_tries(session: "Session", dag_run: "DagRun", left: Sequence[TaskAnnotations]) -> list[TaskAnnotations]:
    """Select what the last tries of a run's tasks have left: one that died as it began has left nothing.

    Args:
        session: Airflow's, as for :func:`failure_line`.
        dag_run: The run.
        left: What its tasks have left.
    """
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import select

    rows = session.scalars(
        select(TaskInstance.id).where(TaskInstance.dag_id == dag_run.dag_id, TaskInstance.run_id == dag_run.run_id)
    )
    tries = set(map(str, rows))
    return [one for one in left if one.try_id in tries]


def failure_line(
    session: "Session", dag_run: "DagRun", msg: str, left: Sequence[TaskAnnotations]
) -> RunNoteLine | None:
    """Say why a run failed.

    Args:
        session: Airflow's, which sees how the tasks have ended. Not its connection: from Airflow 3.4 on the table has
            earlier tries of tasks, too (``docs/explanation/airflow-versions.md``).
        dag_run: The run.
        msg: Airflow's message about its end.
        left: What its tasks have left.

    Returns:
        A line for the note; None: the verdicts say it already.
    """
    if msg == TIMED_OUT:
        return _time_limit(session, dag_run)
    cause = next((text for part, text in _CAUSES.items() if part in msg), "")
    verdicts = {one.task_id: text for one, text in in_order(left, VERDICT)}
    reason = explain_failure(_tasks(session, dag_run, left), verdicts, cause)
    return RunNoteLine(_RUN, -1, f"failed: {reason}") if reason else None


def _tasks(session: "Session", dag_run: "DagRun", left: Sequence[TaskAnnotations]) -> list[TaskEnd]:
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import select

    failures = {one.task_id: text for one, text in in_order(left, FAILURE)}
    rows = session.execute(
        select(TaskInstance.task_id, TaskInstance.state)
        .where(TaskInstance.dag_id == dag_run.dag_id, TaskInstance.run_id == dag_run.run_id)
        .order_by(TaskInstance.end_date, TaskInstance.task_id, TaskInstance.map_index)
    )
    return [
        TaskEnd(task_id=row.task_id, state=row.state and str(row.state), failure=failures.get(row.task_id, ""))
        for row in rows
    ]


def _time_limit(session: "Session", dag_run: "DagRun") -> RunNoteLine:
    """Say how long the run took, and in which tasks it was: they are skipped, and have begun without having ended."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.sdk import TaskInstanceState
    from sqlalchemy import select

    rows = session.scalars(
        select(TaskInstance.task_id)
        .where(
            TaskInstance.dag_id == dag_run.dag_id,
            TaskInstance.run_id == dag_run.run_id,
            TaskInstance.state == TaskInstanceState.SKIPPED.value,
            TaskInstance.start_date.is_not(None),
            TaskInstance.end_date.is_(None),
        )
        .order_by(TaskInstance.task_id)
    )
    tasks = ", ".join(rows.all()) or "no task"
    after = dt.timedelta(seconds=int(dag_run.duration or 0))
    return RunNoteLine(_RUN, -1, f"{TIME_LIMIT}: stopped after {after}, in {tasks}. {ADVICE}")
