"""The DAG on Celery workers, with PostgreSQL and Redis: which worker runs what, runs side by side, a worker that dies.

Servers and workers are real ones; only training takes no time. All are on this machine, where each worker has a name of
its own.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from scripts.stack.api import TaskState
from scripts.stack.descendants import descendants
from scripts.stack.processes import Service
from scripts.stack.waiting import wait_until
from tests.e2e.conftest import DAG, ROOT, new_site
from tests.e2e.promotions import ENDED, WAIT, Running, pipeline_settings, running_airflow
from tests.support.cluster import Cluster, running_cluster
from tests.support.worker_name import VARIABLE

pytestmark = pytest.mark.slow

GPU_SETTINGS = {
    "AIRFLOW__BERT_SERVICE__GPU_QUEUE": "gpu",
    "AIRFLOW__BERT_SERVICE__GPU_POOL": "gpu",
    # A worker that died is noticed after 15 s; the default is 300 s.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
}


@dataclass(frozen=True)
class Workers:
    """Airflow on a cluster, with a worker for each queue."""

    running: Running
    cluster: Cluster
    pids: dict[str, int] = field(default_factory=dict)

    def start(self, queue: str, name: str, concurrency: int) -> None:
        """Start a worker as docs/how-to/cluster.md shows."""
        paths = self.running.site.paths
        flags = {"--queues": queue, "--celery-hostname": name, "--concurrency": str(concurrency)}
        words = [word for flag in flags.items() for word in flag]
        command = [str(paths.airflow), "celery", "worker", *words, "--skip-serve-logs"]
        named = {
            VARIABLE: name,
            "AIRFLOW__CORE__HOSTNAME_CALLABLE": "tests.support.worker_name.worker_name",
            "PYTHONPATH": str(ROOT),
        }
        environment = {**self.running.environment, **named}
        self.pids[name] = self.running.processes.start(
            Service(name, command, environment, paths.root, paths.logs / f"{name}.log")
        )

    def kill(self, name: str) -> None:
        """Kill a worker and all that it has started, as when its machine loses power."""
        for victim in (self.pids[name], *descendants(self.pids[name])):
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)

    def trigger(self, run_id: str, day: str, **conf: str) -> None:
        self.running.api.trigger(DAG, run_id, {"data_date": day, **conf})

    def wait(self, run_id: str) -> str:
        """Wait until a run has ended; return its state."""
        api = self.running.api
        wait_until(lambda: "" if api.run_state(DAG, run_id) in ENDED else run_id, **WAIT)
        return api.run_state(DAG, run_id)

    def tasks(self, run_id: str) -> dict[str, TaskState]:
        return {task.task_id: task for task in self.running.api.tasks(DAG, run_id)}


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    with running_cluster() as cluster, new_site() as site:
        settings = {**pipeline_settings(tmp_path_factory.mktemp("snapshot")), **cluster.settings(), **GPU_SETTINGS}
        with running_airflow(site, settings) as running:
            running.command("scripts/bert", "airflow", "pools", "set", "gpu", "1", "one job for each GPU")
            made = Workers(running, cluster)
            made.start("default", "cpu-worker", 4)
            made.start("gpu", "gpu-worker", 1)
            yield made


def test_two_runs_at_once_train_on_the_gpu_worker_one_after_the_other_and_do_the_rest_elsewhere(
    workers: Workers,
) -> None:
    workers.trigger("first", "2026-11-03")
    workers.trigger("second", "2026-11-04")

    assert [workers.wait(run_id) for run_id in ("first", "second")] == ["success", "success"], workers.running.errors()
    for run_id in ("first", "second"):
        tasks = workers.tasks(run_id)
        trainer = tasks.pop("Trainer")
        assert (trainer.queue, trainer.pool, trainer.hostname) == ("gpu", "gpu", "gpu-worker")
        assert {(task.queue, task.pool) for task in tasks.values()} == {("default", "default_pool")}
        assert {task.hostname for task in tasks.values()} == {"cpu-worker"}


def test_the_trainer_says_before_it_begins_whether_there_is_a_gpu(workers: Workers) -> None:
    log = workers.running.site.paths.logs / "tasks" / f"dag_id={DAG}" / "run_id=first" / "task_id=Trainer"
    assert "Trainer: TensorFlow sees " in (log / "attempt=1.log").read_text()


def test_metadata_and_ledger_of_the_runs_are_in_postgresql(workers: Workers) -> None:
    names = workers.cluster.rows("mlmd", "SELECT name FROM context")
    events = workers.cluster.rows("ledger", "SELECT run_id, kind FROM events WHERE final")

    assert {("first",), ("second",)} <= set(names)
    # Whichever came last found the other in service already.
    assert ("second", "promoted") in events
    assert {kind for run_id, kind in events if run_id == "first"} <= {"promoted", "superseded"}
    assert not list(workers.running.site.paths.state.rglob("*.db"))


def test_a_run_whose_gpu_worker_is_killed_while_it_trains_ends_well_on_the_next_one(
    workers: Workers, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    workers.trigger("killed", "2026-11-05", wait_for=str(go))
    wait_until(lambda: "" if workers.tasks("killed")["Trainer"].state == "running" else "the Trainer", **WAIT)

    workers.kill("gpu-worker")
    workers.start("gpu", "gpu-worker-2", 1)

    def not_tried_again() -> str:
        trainer = workers.tasks("killed")["Trainer"]
        return "" if (trainer.state, trainer.try_number) == ("running", 2) else "the second try"

    wait_until(not_tried_again, **WAIT)
    go.touch()  # the first try has not seen it

    assert workers.wait("killed") == "success", workers.running.errors()
    trainer = workers.tasks("killed")["Trainer"]
    assert (trainer.try_number, trainer.hostname) == (2, "gpu-worker-2")
    # The first try left nothing that counts: one model, one promotion.
    assert workers.cluster.rows("ledger", "SELECT kind FROM events WHERE run_id = 'killed'") == [("promoted",)]
