"""Explains why a run has no verdict in the ledger, from the end states of its tasks. Pure functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from airflow_bert_service.promotion.events import EventKind
from airflow_bert_service.runs.running_task import WITHOUT_VERDICT

BLOCKED = f"{EventKind.BLOCKED.value}: "
"""Prefix of the verdict of a task that stopped its run."""
_REASONS = (BLOCKED, f"{EventKind.FAILED.value}: ")
NO_ERROR = "it left no error; somebody marked it as failed, or its process was killed or could not begin. See its log"
"""Reason of a task that failed without raising anything."""


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
    by_hand: bool = False
    """Whether the task is a success and has no result: somebody has marked it so."""

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
    blocked = [task.verdict.removeprefix(BLOCKED).strip() for task in failed if task.verdict.startswith(BLOCKED)]
    if any(blocked):
        return EventKind.BLOCKED, _one_line("; ".join(filter(None, blocked)))
    if failed:
        return EventKind.FAILED, _one_line("; ".join(map(described, failed)))
    states = ", ".join(f"{task.task_id} {task.state or 'not run'}" for task in tasks) or "it has no tasks"
    by_hand = ", ".join(task.task_id for task in tasks if task.by_hand)
    marked = f"; marked as a success by hand, without a result: {by_hand}" if by_hand else ""
    return EventKind.FAILED, _one_line(f"no task failed, and none left a verdict ({states}){marked}")


def explain_failure(tasks: Sequence[TaskEnd], verdicts: Mapping[str, str], cause: str = "") -> str:
    """Explain why a run failed, as far as the verdicts of its tasks do not.

    Args:
        tasks: The run's tasks.
        verdicts: Lines for the run's note, by id of the task that left them.
        cause: What ended the run beside its tasks; empty: nothing.

    Returns:
        The reason, in one line; empty: the verdicts say it.
    """
    said = " ".join(verdicts.values())
    is_said = any(text.startswith(_REASONS) for text in verdicts.values())
    failed = [task for task in tasks if task.failed]
    unsaid = [task for task in failed if task.task_id not in verdicts and f"task {task.task_id} failed" not in said]
    causes = [task for task in unsaid if not task.failure.startswith(WITHOUT_VERDICT)]
    if reasons := [*filter(None, [cause]), *map(described, causes)]:
        return "; ".join(reasons)
    return "" if is_said else "; ".join(map(described, unsaid)) or explain(tasks)[1]


def described(task: TaskEnd) -> str:
    """Say that a task failed, and why, in one line.

    Args:
        task: One that failed.
    """
    text = f"task {task.task_id} failed"
    return _one_line(f"{text}: {task.failure}" if task.failure.strip() else f"{text}: {NO_ERROR}")


def _one_line(text: str) -> str:
    return " ".join(text.split())
