"""A stack of the tests' own: started as a user starts it, on free ports and with a state folder of its own."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import pytest

from scripts.stack.api import AirflowApi
from scripts.stack.credentials import USER, ensure_credentials
from scripts.stack.database import MIGRATED
from scripts.stack.paths import STATE_VARIABLE, StackPaths, find_paths
from scripts.stack.ports import LOOPBACK, Ports, free_port
from tests.support.migrated_database import put_migrated_database
from tests.support.survivors import marked_after, new_mark

ROOT = Path(__file__).parents[2]
DAG = "bert_sentiment"
READY_SECONDS = 300.0
STOP_SECONDS = 30.0


@dataclass(frozen=True)
class Site:
    """Where a stack of the tests may live, before it is started."""

    paths: StackPaths
    ports: Ports
    environ: Mapping[str, str]
    mark: dict[str, str]


@dataclass(frozen=True)
class RunningStack:
    """A stack that was started with `make up`."""

    site: Site
    api: AirflowApi

    def airflow(self, *arguments: str) -> str:
        """Run the project's `airflow` command as a user does; return what it prints."""
        command = [str(ROOT / "scripts" / "airflow"), *arguments]
        done = subprocess.run(command, env=dict(self.site.environ), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def wait_for_runs(self, run_type: str, count: int, seconds: float) -> list[str]:
        """Wait until that many runs of the type have ended; return the ids of those that ended well."""
        deadline = time.monotonic() + seconds
        while True:
            runs = [run for run in self.api.runs(DAG) if run["run_type"] == run_type]
            ended = [run for run in runs if run["state"] in ("success", "failed")]
            if len(ended) == count:
                return sorted(str(run["dag_run_id"]) for run in ended if run["state"] == "success")
            states = {str(run["dag_run_id"]): run["state"] for run in runs}
            assert time.monotonic() < deadline, f"{states} after {seconds} s; logs are in {self.site.paths.logs}"
            time.sleep(1)


@contextmanager
def new_site(*, used: bool = False) -> Iterator[Site]:
    """Make a state folder; afterwards check that no process of the test is left.

    Args:
        used: The state has Airflow's database, as a stack that ran before leaves it; else it is empty.
    """
    # Not below tests' usual folder: the path of the state must not matter, and is long there.
    with tempfile.TemporaryDirectory(prefix="bert-service-", ignore_cleanup_errors=True) as folder:
        ports = Ports(ui=free_port(), rest=free_port(), grpc=free_port())
        mark = new_mark()
        # A make that runs these tests must not be taken for the parent of those that the tests start.
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        variables = {name: str(port) for name, port in ports.by_variable().items()}
        environ |= {STATE_VARIABLE: folder, **variables, **mark}
        paths = find_paths(environ)
        if used:
            put_migrated_database(paths.airflow_home)
            (paths.airflow_home / MIGRATED).write_text(version("apache-airflow-core"))
        yield Site(paths, ports, environ, mark)
        assert marked_after(mark, seconds=5) == {}


def start_make(site: Site, *arguments: str, log: Path) -> subprocess.Popen[bytes]:
    """Start a make command; what it prints goes to `log`."""
    with log.open("wb") as output:
        return subprocess.Popen(
            ["make", *arguments], cwd=ROOT, env=dict(site.environ), stdout=output, stderr=subprocess.STDOUT
        )


def stop(process: subprocess.Popen[bytes]) -> int:
    """End a make command with SIGTERM; return its exit code."""
    process.send_signal(signal.SIGTERM)
    return process.wait(STOP_SECONDS)


@pytest.fixture
def site() -> Iterator[Site]:
    with new_site() as made:
        yield made


@contextmanager
def running(site: Site, log: Path) -> Iterator[RunningStack]:
    """Start a stack with `make up`; stop it afterwards."""
    process = start_make(site, "up", log=log)
    try:
        wait_for_text(log, f"The DAG {DAG} is there", process, READY_SECONDS)
        url = f"http://{LOOPBACK}:{site.ports.ui}"
        with AirflowApi(url, user=USER, password=ensure_credentials(site.paths.secrets).password) as api:
            yield RunningStack(site, api)
    finally:
        stop(process)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with new_site() as made:
        # A last day in the past: the schedule makes no run, and the tests' own are the only ones.
        environ = {**made.environ, "AIRFLOW__BERT_SERVICE__LAST_DAY": "2026-11-08"}
        with running(replace(made, environ=environ), tmp_path_factory.mktemp("stack") / "up.log") as started:
            yield started


def wait_for_text(log: Path, text: str, process: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait until a running command has printed a text."""
    deadline = time.monotonic() + seconds
    while text not in (said := log.read_text()):
        assert process.poll() is None, said
        assert time.monotonic() < deadline, said
        time.sleep(0.2)
