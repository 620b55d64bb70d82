"""Observes the stack from outside: health, runs, rows in the databases, and the served model."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import httpx

from scripts.errors import RunFailedError, StackError
from scripts.stack.api import AirflowApi, TaskState
from scripts.stack.pipeline import checkout_pipeline
from scripts.stack.ports import LOOPBACK
from scripts.stack.waiting import ProgressReporter, wait_until
from scripts.stack_test.running_stack import TestStack

Found = TypeVar("Found")

HEALTHY_SECONDS = 420.0
RUN_SECONDS = 1500.0
ROUND_SECONDS = 2.0
# By database: what must never become less.
COUNTS = {
    "airflow": ("dag_run", "task_instance", "task_instance_history", "xcom", "ab_user", "slot_pool"),
    "mlmd": ("execution", "artifact", "event"),
    "ledger": ("events",),
}
REVIEWS = {"A wonderful film. I laughed, I cried.": "positive", "Two dull hours. The acting is awful.": "negative"}


def wait_for_health(test_stack: TestStack, services: Sequence[str], progress: ProgressReporter) -> None:
    """Wait until the engine calls all of the services healthy.

    Raises:
        NotReadyError: One is not in time.
    """

    def missing() -> str:
        states = {service: test_stack.engine.health(service) for service in services}
        return ", ".join(f"{name} ({state})" for name, state in states.items() if state != "healthy")

    wait_until(missing, seconds=HEALTHY_SECONDS, progress=progress, every=ROUND_SECONDS)


def wait_for_task(
    api: AirflowApi, run_id: str, task_id: str, ready: Callable[[TaskState], bool], progress: ProgressReporter
) -> TaskState:
    """Wait until a task of a run is as it should be; return it.

    Raises:
        RunFailedError: The run ended before.
    """
    deadline = time.monotonic() + RUN_SECONDS
    while time.monotonic() < deadline:
        tasks = {task.task_id: task for task in _patiently(lambda: api.tasks(checkout_pipeline(), run_id))}
        if task_id in tasks and ready(tasks[task_id]):
            return tasks[task_id]
        state = _patiently(lambda: api.run_state(checkout_pipeline(), run_id))
        if state in ("success", "failed"):
            raise RunFailedError(f"{run_id} ended ({state}) before {task_id} was as the test wants it: {tasks}")
        progress.beat(f"{task_id} of {run_id}")
        time.sleep(ROUND_SECONDS)
    raise RunFailedError(f"{task_id} of {run_id} is not as the test wants it after {RUN_SECONDS:.0f} s.")


def wait_for_run(api: AirflowApi, run_id: str, progress: ProgressReporter) -> list[TaskState]:
    """Wait until a run has succeeded; return its tasks.

    Raises:
        RunFailedError: It failed, or takes too long.
    """
    deadline = time.monotonic() + RUN_SECONDS
    while time.monotonic() < deadline:
        state = _patiently(lambda: api.run_state(checkout_pipeline(), run_id))
        if state == "success":
            return api.tasks(checkout_pipeline(), run_id)
        if state == "failed":
            bad = [
                task for task in api.tasks(checkout_pipeline(), run_id) if task.state in ("failed", "upstream_failed")
            ]
            raise RunFailedError(f"{run_id} failed: {bad}")
        progress.beat(f"{run_id} ({state})")
        time.sleep(ROUND_SECONDS)
    raise RunFailedError(f"{run_id} has not ended after {RUN_SECONDS:.0f} s.")


def counts(test_stack: TestStack) -> dict[str, int]:
    """Return how many rows the tables have that must not lose any."""
    found: dict[str, int] = {}
    for database, tables in COUNTS.items():
        query = ", ".join(f"(SELECT count(*) FROM {table})" for table in tables)  # noqa: S608 (our own names)
        psql = ["psql", "--username=postgres", f"--dbname={database}", "-tA", "-c", f"SELECT {query}"]
        answer = test_stack.engine.compose("exec", "-T", "postgres", *psql)
        numbers = answer.strip().splitlines()[-1].split("|")
        found |= {f"{database}.{table}": int(number) for table, number in zip(tables, numbers, strict=True)}
    return found


def require_no_less(before: dict[str, int], after: dict[str, int], what: str) -> None:
    """Check that no table has lost rows.

    Raises:
        StackError: One has.
    """
    lost = {name: (count, after[name]) for name, count in before.items() if after[name] < count}
    if lost:
        raise StackError(f"{what} lost rows (before, after): {lost}")


def require_hidden_secrets(test_stack: TestStack, services: Sequence[str]) -> None:
    """Check that the engine shows no secret in what it knows about the services' containers.

    Raises:
        StackError: It does.
    """
    secrets = {file.name: file.read_text() for file in (test_stack.folder / "secrets").iterdir()}
    for service in services:
        shown = test_stack.engine.docker("inspect", test_stack.engine.container(service))
        if found := [name for name, value in secrets.items() if value in shown]:
            raise StackError(f"`docker inspect` of {service} shows secrets: {', '.join(found)}.")


def served_versions(test_stack: TestStack) -> list[int]:
    """Return the versions that the model server calls available; none while it does not answer."""
    try:
        answer = httpx.get(
            f"http://{LOOPBACK}:{test_stack.rest_port}/v1/models/{checkout_pipeline()}", timeout=10, trust_env=False
        )
    except httpx.TransportError:
        return []
    states = answer.json().get("model_version_status", [])
    return sorted(int(state["version"]) for state in states if state["state"] == "AVAILABLE")


def ask(test_stack: TestStack, path: str = "") -> dict[str, str]:
    """Ask the served model about two obvious reviews over REST; return its labels.

    Raises:
        StackError: It does not answer as it should.
    """
    url = f"http://{LOOPBACK}:{test_stack.rest_port}/v1/models/{checkout_pipeline()}{path}:predict"
    answer = httpx.post(url, json={"instances": list(REVIEWS)}, timeout=60, trust_env=False)
    if answer.status_code != httpx.codes.OK:
        raise StackError(f"The model server answered {answer.status_code}: {answer.text[:300]}")
    return {text: row["label"] for text, row in zip(REVIEWS, answer.json()["predictions"], strict=True)}


def _patiently(ask: Callable[[], Found]) -> Found:
    """Ask again while the API server is being restarted."""
    deadline = time.monotonic() + HEALTHY_SECONDS
    while True:
        try:
            return ask()
        except StackError:  # noqa: PERF203 (what is asked takes milliseconds)
            if time.monotonic() > deadline:
                raise
            time.sleep(ROUND_SECONDS)
