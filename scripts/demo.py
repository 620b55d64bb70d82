"""`python -m scripts.demo`: runs the pipeline once for a day's reviews, and queries the model that it trained.

Reads the make variables DATE, FEED, IMDB_ARCHIVE, UI_PORT, REST_PORT and GRPC_PORT from the environment.
"""

import datetime as dt
import os
import sys
import time
from collections.abc import Mapping

from scripts.errors import RunFailedError, StackError
from scripts.stack.asking import GRPC_QUESTIONS, REST_QUESTIONS, ask, is_right, missing_version, newest_version
from scripts.stack.command import run_command, say
from scripts.stack.environment import LAST_DAY_VARIABLE, feed_settings
from scripts.stack.paths import find_paths
from scripts.stack.ports import LOOPBACK, read_ports
from scripts.stack.signals import Interrupts
from scripts.stack.stack import Stack, running_stack
from scripts.stack.tail import last_lines
from scripts.stack.waiting import ProgressReporter, wait_until
from scripts.stack.watch import follow, log_path

DATE = "2026-11-05"
SAMPLE = "sample"
RUN_PREFIX = "demo__"
LOAD_SECONDS = 120.0


def demo(interrupts: Interrupts, environ: Mapping[str, str]) -> None:
    """Start the stack, run the DAG for a date, query the model, stop the stack.

    Raises:
        StackError: The stack cannot start, a service died, the run failed, or the model answers wrongly.
    """
    started = time.monotonic()
    date = read_date(environ.get("DATE", ""))
    paths, ports, progress = find_paths(environ), read_ports(environ), ProgressReporter(say)
    progress.say("Starting Airflow, the node server and the model server.")
    settings = feed_settings(environ)
    if is_sample(environ):
        # Without a last day, unpausing the DAG would start a run for yesterday before the demo's.
        settings[LAST_DAY_VARIABLE] = environ.get(LAST_DAY_VARIABLE, date.isoformat())
    with running_stack(paths, ports, settings, interrupts=interrupts, progress=progress, environ=environ) as stack:
        stack.wait_for_airflow(progress)
        progress.say(f"Airflow is healthy after {time.monotonic() - started:.0f} s; logs are in {paths.logs}.")
        dag_id = paths.pipeline
        service = stack.wait_for_dag(progress)
        service.require()
        progress.say(service.ready)
        was_paused = stack.api.is_paused(dag_id)
        run_id = start_run(stack, date)
        progress.say(f"Running the DAG {dag_id} for {date} (run {run_id}).")
        follow(stack, dag_id, run_id, progress)
        # Left as it was found: a later `make up` must not begin with a run that nobody asked for.
        stack.api.set_paused(dag_id, paused=bool(was_paused))
        wait_for_model(stack, run_id, progress)
        ask_both(stack, progress, environ)
    say(f"Done after {time.monotonic() - started:.0f} s.")


def is_sample(environ: Mapping[str, str]) -> bool:
    """Whether the make variables choose the sample feed."""
    return (environ.get("FEED") or SAMPLE) == SAMPLE


def read_date(value: str) -> dt.date:
    """Return the date to run for; an empty text is the default.

    Raises:
        StackError: The text is no date.
    """
    try:
        return dt.date.fromisoformat(value or DATE)
    except ValueError:
        raise StackError(
            f"DATE is {value!r}; allowed: a date like {DATE}. Repeat the command with DATE={DATE}."
        ) from None


def start_run(stack: Stack, date: dt.date) -> str:
    """Unpause the DAG, trigger a run, and return the run's id.

    The run has no logical date, since a DAG has one run per logical date: a second demo for the same date would be
    refused. The date goes into the parameter data_date, where people put it who trigger by hand. Artifacts of earlier
    runs are not used again, so that every demo really trains.
    """
    dag_id = stack.paths.pipeline
    for run in stack.api.runs(dag_id, "running", "queued"):
        # Left by a demo that was interrupted. Runs of others are waited for instead.
        if str(run["dag_run_id"]).startswith(RUN_PREFIX):
            stack.api.fail_run(dag_id, str(run["dag_run_id"]))
    run_id = f"{RUN_PREFIX}{dt.datetime.now(dt.timezone.utc):%Y-%m-%dT%H:%M:%S}"
    stack.api.set_paused(dag_id, paused=False)
    stack.api.trigger(dag_id, run_id, {"data_date": date.isoformat(), "use_cache": False})
    return run_id


def wait_for_model(stack: Stack, run_id: str, progress: ProgressReporter) -> None:
    """Wait until the model server serves the newest version; print a line where that is not this run's.

    Raises:
        RunFailedError: No version was ever pushed.
        NotReadyError: The server does not load it in time.
    """
    dag_id = stack.paths.pipeline
    pusher = next(task for task in stack.api.tasks(dag_id, run_id) if task.task_id == "Pusher")
    version = newest_version(stack.paths.models)
    reason = last_lines(log_path(stack.paths.logs / "tasks", dag_id, run_id, pusher), 1)
    if version is None:
        raise RunFailedError(
            f"The run succeeded, but the Pusher did not promote its model (Pusher: {pusher.state}):\n{reason}"
        )
    if pusher.state == "skipped":
        progress.say(
            f"This run's model was not promoted; the champion, version {version}, answers. The Pusher's log:\n{reason}"
        )

    def missing() -> str:
        stack.processes.check()
        return missing_version(stack.ports, dag_id, version)

    wait_until(missing, seconds=LOAD_SECONDS, progress=progress)


def ask_both(stack: Stack, progress: ProgressReporter, environ: Mapping[str, str]) -> None:
    """Classify four reviews over REST and four over gRPC, and print the answers and how many are right.

    Raises:
        RunFailedError: No answer, or a wrong one to an obvious review.
    """
    frontends = {
        "REST": (("--rest", f"{LOOPBACK}:{stack.ports.rest}"), REST_QUESTIONS),
        "gRPC": (("--grpc", f"{LOOPBACK}:{stack.ports.grpc}"), GRPC_QUESTIONS),
    }
    right = []
    for name, (server, questions) in frontends.items():
        for question, line in zip(questions, ask(stack.paths, server, questions, environ), strict=True):
            right.append(is_right(question, line))
            progress.say(f"  {name}  {line}" if right[-1] else f"  {name}  {line}  (should be {question.label})")
    progress.say(f"{sum(right)} of {len(right)} answers are right.")


if __name__ == "__main__":
    sys.exit(run_command(lambda interrupts: demo(interrupts, os.environ)))
