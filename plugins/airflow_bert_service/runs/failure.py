"""Reads from Airflow's database why a run failed, where none of its tasks' verdicts says so.

It is used in the scheduler and the API server, by the listener.
"""

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_bert_service.runs.note import RunNoteLine
from airflow_bert_service.runs.result import TaskEnd, explain_failure
from airflow_bert_service.runs.xcom import ADVICE, FAILURE, TIME_LIMIT

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


def failure_line(
    session: "Session", dag_run: "DagRun", msg: str, verdicts: Sequence[RunNoteLine]
) -> RunNoteLine | None:
    """Say why a run failed.

    Args:
        session: Airflow's, which sees how the tasks have ended. Not its connection: from Airflow 3.4 on the table has
            earlier tries of tasks, too (``docs/explanation/airflow-versions.md``).
        dag_run: The run.
        msg: Airflow's message about its end.
        verdicts: What its tasks say.

    Returns:
        A line for the note; None: the verdicts say it already.
    """
    if msg == TIMED_OUT:
        return _time_limit(session, dag_run)
    cause = next((text for part, text in _CAUSES.items() if part in msg), "")
    reason = explain_failure(_tasks(session, dag_run), {line.task_id: line.text for line in verdicts}, cause)
    return RunNoteLine(_RUN, -1, f"failed: {reason}") if reason else None


def _tasks(session: "Session", dag_run: "DagRun") -> list[TaskEnd]:
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.xcom import XComModel
    from sqlalchemy import select

    errors = session.execute(
        select(XComModel.task_id, XComModel.value).where(XComModel.dag_run_id == dag_run.id, XComModel.key == FAILURE)
    )
    failures = {row.task_id: str(row.value) for row in errors}
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
