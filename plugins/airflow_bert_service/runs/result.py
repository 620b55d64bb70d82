"""Why a run has no verdict in the ledger: told from how its tasks ended. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from airflow_bert_service.promotion.events import EventKind

BLOCKED = f"{EventKind.BLOCKED.value}: "
"""How the verdict of a task begins that stopped its run."""


@dataclass(frozen=True, kw_only=True)
class TaskEnd:
    """How a task ended, and what it left to say of it."""

    task_id: str
    state: str | None
    """Airflow's; None: it did not run."""
    verdict: str = ""
    """Its line for the run's note."""
    failure: str = ""
    """The error that ended its last try."""

    @property
    def failed(self) -> bool:
        """Whether it failed itself, and not only because of others."""
        return self.state == "failed"


def explain(tasks: Sequence[TaskEnd]) -> tuple[EventKind, str]:
    """Say what kept a run from a verdict.

    Args:
        tasks: The run's tasks, in the order in which they run.

    Returns:
        ``blocked`` where a gate did, else ``failed``; and why, in one line.
    """
    failed = [task for task in tasks if task.failed]
    if blocked := [task.verdict.removeprefix(BLOCKED) for task in failed if task.verdict.startswith(BLOCKED)]:
        return EventKind.BLOCKED, _one_line("; ".join(blocked))
    if failed:
        return EventKind.FAILED, _one_line("; ".join(map(_told, failed)))
    states = ", ".join(f"{task.task_id} {task.state or 'not run'}" for task in tasks)
    return EventKind.FAILED, _one_line(f"no task failed, and none left a verdict ({states})")


def _told(task: TaskEnd) -> str:
    told = f"task {task.task_id} failed"
    return f"{told}: {task.failure}" if task.failure else told


def _one_line(text: str) -> str:
    return " ".join(text.split())
