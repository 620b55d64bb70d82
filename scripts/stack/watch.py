"""Follows a DAG run on the terminal: prints a line for each task that ends, and the log's end of a failed one."""

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from scripts.errors import RunFailedError
from scripts.stack.api import TaskState
from scripts.stack.stack import Stack
from scripts.stack.tail import LINES, last_lines
from scripts.stack.waiting import ProgressReporter

ROUND_SECONDS = 2.0  # a round costs the API server some 50 ms, which training wants
REPORTED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed", "up_for_retry"})
HEADER = f"  {'state':<15} {'seconds':>7}  task"


def follow(stack: Stack, dag_id: str, run_id: str, progress: ProgressReporter) -> None:
    """Print a line per task of the run as it ends, until the run has ended.

    Raises:
        RunFailedError: The run failed; the message names the failed task and ends with the end of its log.
        StackError: A part of the stack died.
    """
    progress.say(HEADER)
    before: dict[str, TaskState] = {}
    while True:
        stack.processes.check()
        # The state first: tasks that are read after the run's end are complete.
        state = stack.api.run_state(dag_id, run_id)
        tasks = stack.api.tasks(dag_id, run_id)
        for line in lines_for(before, tasks):
            progress.say(line)
        before = {task.task_id: task for task in tasks}
        if state == "success":
            return
        if state == "failed":
            raise RunFailedError(failure(dag_id, run_id, tasks, stack.paths.logs / "tasks"))
        others = [str(run["dag_run_id"]) for run in stack.api.runs(dag_id, "running")] if state == "queued" else []
        progress.beat(waiting_for(state, tasks, others))
        time.sleep(ROUND_SECONDS)


def lines_for(before: Mapping[str, TaskState], tasks: Iterable[TaskState]) -> list[str]:
    """Return a line for each task that has ended, or will be tried again, since `before`."""
    return [
        f"  {task.state:<15} {task.seconds:>7.1f}  {task.task_id}"
        for task in tasks
        if task.state in REPORTED and not _same(before.get(task.task_id), task)
    ]


def waiting_for(state: str, tasks: Sequence[TaskState], others: Sequence[str] = ()) -> str:
    """Describe in a few words what a DAG run waits for.

    Args:
        state: The run's.
        tasks: The run's.
        others: Ids of the DAG's other runs that run now; one at a time may.
    """
    running = [f"{task.task_id} ({task.seconds:.0f} s)" for task in tasks if task.state == "running"]
    if running:
        return ", ".join(running)
    asked = [task.task_id for task in tasks if task.state == "awaiting_input"]
    if asked:
        return f"a person to answer {', '.join(asked)} (Required Actions in Airflow)"
    if others:
        return f"the DAG run {', '.join(others)} to end, which started before"
    if state == "queued":
        return "the scheduler to start the DAG run"
    left = [task.task_id for task in tasks if not task.ended]
    return f"the scheduler to start {left[0]}" if left else "the scheduler to close the DAG run"


def failure(dag_id: str, run_id: str, tasks: Iterable[TaskState], logs: Path) -> str:
    """Return a message with the failed task, the end of its log and the log's path."""
    failed = [task for task in tasks if task.state == "failed"]
    if not failed:
        return f"The DAG run {run_id} was marked failed by a user: none of its tasks failed."
    blocks = []
    for task in failed:
        log = log_path(logs, dag_id, run_id, task)
        blocks.append(
            f"The task {task.task_id} failed (try {task.try_number}). The last {LINES} lines of its log:\n"
            f"{last_lines(log)}\nAll of it is in {log}"
        )
    return "\n\n".join(blocks)


def log_path(logs: Path, dag_id: str, run_id: str, task: TaskState) -> Path:
    """Return where Airflow writes the log of a task's last try ([logging] log_filename_template)."""
    folder = logs / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task.task_id}"
    return folder / f"attempt={task.try_number}.log"


def _same(before: TaskState | None, now: TaskState) -> bool:
    return before is not None and (before.state, before.try_number) == (now.state, now.try_number)
