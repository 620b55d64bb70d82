"""Explains why a run has no verdict in the ledger, from the end states of its tasks. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass

from airflow_bert_service.promotion.events import EventKind

BLOCKED = f"{EventKind.BLOCKED.value}: "
"""Prefix of the verdict of a task that stopped its run."""


@dataclass(frozen=True, kw_only=True)
class TaskEnd:
    """A task's end state, and its annotations."""

    task_id: str
    state: str | None
    """Airflow's state; None: the task did not run."""
    verdict: str = ""
    """The task's line for the run's note."""
    failure: str = ""
    """The error that ended the task's last try."""

    @property
    def failed(self) -> bool:
        """Whether the task itself failed, and not only a task upstream of it."""
        return self.state == "failed"


def explain(tasks: Sequence[TaskEnd]) -> tuple[EventKind, str]:
    """Explain why a run has no verdict.

    Args:
        tasks: The run's tasks, in the order in which they run.

    Returns:
        ``blocked`` where a gate stopped the run, else ``failed``; and the reason, in one line.
    """
    failed = [task for task in tasks if task.failed]
    if blocked := [task.verdict.removeprefix(BLOCKED) for task in failed if task.verdict.startswith(BLOCKED)]:
        return EventKind.BLOCKED, _one_line("; ".join(blocked))
    if failed:
        return EventKind.FAILED, _one_line("; ".join(map(_described, failed)))
    states = ", ".join(f"{task.task_id} {task.state or 'not run'}" for task in tasks)
    return EventKind.FAILED, _one_line(f"no task failed, and none left a verdict ({states})")


def _described(task: TaskEnd) -> str:
    text = f"task {task.task_id} failed"
    return f"{text}: {task.failure}" if task.failure else text


def _one_line(text: str) -> str:
    return " ".join(text.split())
