"""Runs in Airflow that wait for a person: who answers over REST, as the form in the UI does, and what becomes of it.

The requests, Airflow's task runner and its API server, the promotion command, the ledger and the promoter are the real
ones; the judge of the models is not.
"""

import datetime as dt
import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from airflow.jobs.job import Job
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from airflow_bert_service.clients.ledger import LedgerClient, Rollback
from airflow_bert_service.promotion.events import EventKind, PromotionEvent
from airflow_bert_service.runs.annotations import VERDICT, AnnotationStore, in_order
from fastapi.testclient import TestClient
from sqlalchemy import select

from tests.plugins.api_server import api_server, login
from tests.plugins.approval_nodes import write_module_root
from tests.plugins.gate_run import run_dag
from tests.plugins.promotions import client
from tests.support.airflow_home import PROJECT_ROOT

pytestmark = pytest.mark.slow

WAIT_SECONDS = 240.0
PAGES = "https://airflow.example.org"


@dataclass(frozen=True)
class Asking:
    """A run that has been started, and may wait for a person."""

    number: int
    ended: Future[str]
    server: TestClient
    state: Path

    @property
    def run_id(self) -> str:
        return f"manual__2026-11-06T{self.number:02}:00:00+00:00"

    @property
    def address(self) -> str:
        return f"/api/v2/dags/approval/dagRuns/{self.run_id}/taskInstances/Approval/-1/hitlDetails"

    def request(self) -> dict[str, Any]:
        """Wait for the request, and return it."""
        deadline = time.monotonic() + WAIT_SECONDS
        task = self.address.removesuffix("/-1/hitlDetails")
        while True:
            assert time.monotonic() < deadline, "nobody is asked"
            assert not self.ended.done(), self.ended.result()
            found = self.server.get(task, headers=login("admin"))
            if found.status_code == 200 and found.json()["state"] == "awaiting_input":
                return dict(self.server.get(self.address, headers=login("admin")).json())
            time.sleep(0.3)

    def answer(self, option: str, reason: str = "", role: str = "user") -> int:
        """Answer as a user of that role; return the status of the response."""
        body = {"chosen_options": [option], "params_input": {"reason": reason}}
        return int(self.server.patch(self.address, json=body, headers=login(role)).status_code)

    def tasks(self) -> dict[str, str]:
        """Wait for the end; return the states of the tasks."""
        told = json.loads(self.ended.result(WAIT_SECONDS).splitlines()[-1])
        assert told["run_id"] == self.run_id
        return dict(told["tasks"])

    def tries(self, task_id: str) -> int:
        """The number of a task's last try."""
        found = self.server.get(f"{self.address.partition('/Approval/')[0]}/{task_id}", headers=login("admin"))
        return int(found.json()["try_number"])

    def note(self) -> str:
        """The line for the run's note."""
        left = AnnotationStore(self.state / "annotations").of_run("approval", self.run_id)
        ((_, line),) = in_order(left, VERDICT)
        return line


Start = Callable[[int, str], Asking]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def start(state: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts a run of the DAG, by its number and its data date."""
    root = write_module_root(tmp_path_factory.mktemp("snapshot"))
    with api_server() as server, ThreadPoolExecutor() as threads:

        def begin(number: int, day: str) -> Asking:
            variables = {"TEST_MODULE_ROOT": str(root), "AIRFLOW__API__BASE_URL": PAGES}
            run = threads.submit(run_dag, "approval_dag.py", str(number), day, state=state, **variables)
            return Asking(number, run, server, state)

        yield begin


def ledger_of(state: Path) -> LedgerClient:
    """The ledger, by the real command."""
    models = state / "models" / "approval"
    return client(state / "ledger", pipeline="approval", module_root=PROJECT_ROOT, models=models)


def verdict(state: Path, asking: Asking) -> PromotionEvent:
    found = ledger_of(state).verdict(dag_id="approval", run_id=asking.run_id)
    assert found is not None
    return found


def let_time_run_out(asking: Asking) -> None:
    """Have Airflow believe that a request has waited long enough, and have its scheduler look for such requests."""
    with create_session() as session:
        of_task = (TaskInstance.run_id == asking.run_id, TaskInstance.task_id == "Approval")
        task = session.scalars(select(TaskInstance).where(TaskInstance.dag_id == "approval", *of_task)).one()
        task.trigger_timeout = dt.datetime.now(dt.timezone.utc) - dt.timedelta(minutes=1)
    SchedulerJobRunner(job=Job()).check_awaiting_input_timeouts()  # type: ignore[no-untyped-call]


def test_a_person_approves_rejects_and_is_overtaken_by_a_rollback(start: Start, state: Path) -> None:
    first = start(1, "2026-11-04")
    asked = first.request()
    assert asked["subject"] == "Promote the model of data date 2026-11-04 as the first version in service?"
    assert (asked["options"], asked["defaults"]) == (["Approve", "Reject"], ["Reject"])
    assert f"[Run]({PAGES}/dags/approval/runs/manual__2026-11-06T01%3A00%3A00%2B00%3A00)" in asked["body"]
    assert f"[Models]({PAGES}/bert_service/models/)" in asked["body"]
    assert list(asked["params"]) == ["reason"]
    assert first.answer("Approve", role="viewer") == 403
    assert first.answer("Approve", "reads well") == 200
    assert set(first.tasks().values()) == {"success"}
    promoted = verdict(state, first)
    assert (promoted.version, promoted.kind) == (2026110401, EventKind.PROMOTED)
    assert re.search(r"; approved by anna at [-\d]+ [:\d]+ UTC \(reads well\)$", promoted.reason)
    assert first.note() == promoted.line

    second = start(2, "2026-11-06")
    assert "| sample-v1 | accuracy 0.910 | accuracy 0.874 | not compared |" in second.request()["body"]
    assert second.answer("Approve") == 200
    assert second.tasks()["Pusher"] == "success"

    overtaken = start(3, "2026-11-07")
    assert "in place of 2026110601?" in overtaken.request()["subject"]
    ledger_of(state).roll_back(Rollback(reason="it is slow", actor="berta", version=2026110401))
    assert overtaken.answer("Approve") == 200
    assert overtaken.tasks() == {"Approval": "success", "Pusher": "skipped", "notify_promotion": "success"}
    blocked = verdict(state, overtaken)
    assert (blocked.kind, blocked.champion) == (EventKind.BLOCKED, 2026110401)
    assert "while 2026110601 was in service; 2026110401 went into service meanwhile, and the c" in blocked.reason

    refused = start(4, "2026-11-08")
    refused.request()
    assert refused.answer("Reject", "rude to sequels") == 200
    assert refused.tasks() == {"Approval": "success", "Pusher": "skipped", "notify_promotion": "success"}
    rejected = verdict(state, refused)
    assert (rejected.kind, rejected.actor, rejected.champion) == (EventKind.BLOCKED, "anna", 2026110401)
    assert re.match(r"rejected by anna at [-\d]+ [:\d]+ UTC: rude to sequels; the gate had passed ", rejected.reason)
    assert refused.note() == rejected.line


def test_a_push_that_is_killed_finds_the_approval_and_a_request_that_nobody_answers_ends(
    start: Start, state: Path
) -> None:
    killed = start(5, "2026-11-10")
    killed.request()
    assert killed.answer("Approve") == 200
    assert set(killed.tasks().values()) == {"success"}
    assert verdict(state, killed).version == 2026111001
    assert len(list(state.rglob("2026-11-10.killed"))) == 1
    assert killed.tries("Pusher") == 2

    late = start(6, "2026-11-11")
    late.request()
    let_time_run_out(late)
    assert late.tasks()["Pusher"] == "skipped"
    unanswered = verdict(state, late)
    assert (unanswered.kind, unanswered.actor) == (EventKind.BLOCKED, "time-out")
    assert "UTC: nobody has answered within 2:00:00; the gate had passed it: " in unanswered.reason
