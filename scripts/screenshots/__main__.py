"""`python -m scripts.screenshots`: makes docs/images/*.png from a stack of its own.

Its state is in a folder that is removed afterwards. The run is one that the gate on the data blocks: it takes a minute
or two, trains nothing, and has a note and a report.
"""

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import httpx

from scripts.errors import RunFailedError, StackError
from scripts.screenshots.chromium import find_chromium, open_page
from scripts.screenshots.pictures import log_in, pictures, take
from scripts.screenshots.reviews import LAST_DAY, write_reviews
from scripts.stack.command import run_command, say
from scripts.stack.credentials import USER, ensure_credentials
from scripts.stack.paths import PROJECT_ROOT, STATE_VARIABLE, find_paths
from scripts.stack.pipeline import checkout_pipeline
from scripts.stack.ports import LOOPBACK, Ports, free_port
from scripts.stack.signals import Interrupts
from scripts.stack.stack import Stack, running_stack
from scripts.stack.waiting import ProgressReporter, wait_until
from scripts.stack.watch import failure

RUN_ID = "manual__2026-11-05"
GATE = "ExampleValidator"
REPORT_BUTTON = "Validation report"
IMAGES = PROJECT_ROOT / "docs" / "images"
RUN_SECONDS = 900.0
KEPT_SECONDS = 60.0


def screenshots(interrupts: Interrupts, environ: Mapping[str, str]) -> None:
    """Start a stack, let a run be blocked, take the pictures, stop the stack.

    Raises:
        StackError: Chromium is missing, the stack cannot start, or the run did not come to what is shown.
    """
    find_chromium()
    progress = ProgressReporter(say)
    with tempfile.TemporaryDirectory(prefix="bert-screenshots-") as name:
        folder = Path(name)
        settings = write_reviews(PROJECT_ROOT / "data" / "sample_reviews.csv", folder / "reviews")
        paths = find_paths({STATE_VARIABLE: str(folder / "state")})
        ports = Ports(ui=free_port(), rest=free_port(), grpc=free_port())
        progress.say("Starting Airflow, the node server and the model server.")
        with running_stack(paths, ports, settings, interrupts=interrupts, progress=progress, environ=environ) as stack:
            stack.wait_for_airflow(progress)
            stack.wait_for_dag(progress).require()
            note = blocked_run(stack, progress)
            report = report_path(stack, progress)
            take_all(stack, note, report, folder / "browser", environ)


def blocked_run(stack: Stack, progress: ProgressReporter) -> str:
    """Run the DAG for the day whose labels broke; return the run's note.

    Raises:
        RunFailedError: The run was not blocked by the gate, or left no note.
    """
    stack.api.set_paused(checkout_pipeline(), paused=False)
    stack.api.trigger(checkout_pipeline(), RUN_ID, {"data_date": LAST_DAY.isoformat()})
    progress.say(f"Running the DAG {checkout_pipeline()} for {LAST_DAY}, until {GATE} blocks the run.")

    def missing() -> str:
        stack.processes.check()
        return (
            "" if stack.api.run_state(checkout_pipeline(), RUN_ID) in ("success", "failed") else "the run to be blocked"
        )

    wait_until(missing, seconds=RUN_SECONDS, progress=progress, every=2.0)
    tasks = stack.api.tasks(checkout_pipeline(), RUN_ID)
    note = next(str(run["note"] or "") for run in stack.api.runs(checkout_pipeline()) if run["dag_run_id"] == RUN_ID)
    if f"{GATE}: blocked" not in note:
        raise RunFailedError(
            f"The run was to be blocked by {GATE}, with a note. The note is {note!r}.\n"
            f"{failure(checkout_pipeline(), RUN_ID, tasks, stack.paths.logs / 'tasks')}"
        )
    progress.say(f"The note: {note}")
    return note


def report_path(stack: Stack, progress: ProgressReporter) -> str:
    """Return the path of the run's validation report, which is there shortly after the run's end.

    Raises:
        NotReadyError: It does not appear.
    """

    def found() -> str:
        return stack.api.links(checkout_pipeline(), RUN_ID, GATE).get(REPORT_BUTTON) or ""

    wait_until(lambda: "" if found() else "the report's address", seconds=KEPT_SECONDS, progress=progress)
    return found()


def take_all(stack: Stack, note: str, report: str, folder: Path, environ: Mapping[str, str]) -> None:
    """Log in and take every picture.

    Raises:
        StackError: A page does not load.
    """
    base = f"http://{LOOPBACK}:{stack.ports.ui}"
    IMAGES.mkdir(parents=True, exist_ok=True)
    with open_page(folder, environ) as page:
        log_in(page, base, login_token(base, ensure_credentials(stack.paths.secrets).password), checkout_pipeline())
        for picture in pictures(checkout_pipeline(), RUN_ID, note, report):
            path = take(page, base, picture, IMAGES)
            say(f"  {path.relative_to(PROJECT_ROOT)}  {path.stat().st_size} bytes")


def login_token(base: str, password: str) -> str:
    """Return the token that Airflow's UI keeps in the cookie ``_token``.

    Raises:
        StackError: Airflow refuses the login.
    """
    login = {"username": USER, "password": password}
    answer = httpx.post(f"{base}/auth/token", json=login, trust_env=False)
    if answer.is_error:
        raise StackError(f"Airflow refused the login with {answer.status_code}: {answer.text[:500]}")
    return str(answer.json()["access_token"])


if __name__ == "__main__":
    sys.exit(run_command(lambda interrupts: screenshots(interrupts, os.environ)))
