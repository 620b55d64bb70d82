"""A pipeline that trains in no time, in a real Airflow: its Pusher, the ledger and all of Airflow are the real ones.

The pipeline is tests/tfx_modules/promotion/pipeline, its DAG tests/support/dags/promotions_dag.py.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_bert_service.pipeline.source_digest import sources_digest

from scripts.stack.api import AirflowApi
from scripts.stack.credentials import USER, ensure_credentials
from scripts.stack.database import ensure_database
from scripts.stack.environment import Choices, airflow_environment, plain_environment, write_session
from scripts.stack.lock import only_stack
from scripts.stack.paths import make_private_folder, socket_path
from scripts.stack.processes import Processes
from scripts.stack.services import airflow_services, node_server
from scripts.stack.waiting import ProgressReporter, wait_until
from tests.e2e.conftest import DAG, ROOT, Site
from tests.e2e.light_airflow import wait_for_scheduler

PIPELINE = ROOT / "tests" / "tfx_modules" / "promotion"
WAIT: Any = {"seconds": 300.0, "progress": ProgressReporter(print), "every": 0.5}
ENDED = ("success", "failed")


@dataclass(frozen=True)
class Running:
    """Airflow and the node server, with the DAG of tests/support/dags/promotions_dag.py."""

    site: Site
    api: AirflowApi
    processes: Processes
    environment: Mapping[str, str]
    """Of Airflow's processes."""

    def command(self, *words: str) -> str:
        """Run a command of the project's as a user does; return what it prints."""
        done = subprocess.run(
            [str(ROOT / words[0]), *words[1:]], env=dict(self.site.environ), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def ledger(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(
            self.command("scripts/bert", "models", "history", "--limit", "0", "--json")
        )
        return found

    def errors(self) -> str:
        """Return the errors in the tasks' logs."""
        logs = (self.site.paths.logs / "tasks").rglob("*.log")
        lines = [line for path in sorted(logs) for line in path.read_text().splitlines() if '"error"' in line]
        return "\n".join(line[:600] for line in lines)

    def served(self) -> int:
        """What a server takes that takes the largest number."""
        return max(int(path.name) for path in self.site.paths.models.iterdir() if path.name.isdigit())

    def wait(self, count: int) -> dict[str, str]:
        """Wait until that many runs have ended; return their states by id."""
        wait_until(lambda: "" if len(self._ended()) >= count else f"{count} runs", **WAIT)
        return self._ended()

    def _ended(self) -> dict[str, str]:
        return {str(run["dag_run_id"]): run["state"] for run in self.api.runs(DAG) if run["state"] in ENDED}


def compile_pipeline(root: Path) -> None:
    """Make a folder as a snapshot of the DAG bundle is one."""
    compiled = root / "dags" / "compiled" / "bert_sentiment.json"
    compiled.parent.mkdir(parents=True)
    shutil.copytree(ROOT / "tfx_modules", root / "tfx_modules", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("steps.py", "pipeline/promotion_pipeline.py"):
        shutil.copy(PIPELINE / name, root)
    environment = {**plain_environment(os.environ), "PYTHONPATH": str(root)}
    code = f"import pathlib, promotion_pipeline; promotion_pipeline.compile_to(pathlib.Path({str(compiled)!r}))"
    python = ROOT / ".venv" / "tfx" / "bin" / "python"
    subprocess.run([python, "-c", code], cwd=root, env=environment, check=True, capture_output=True)
    # What `make compile` leaves beside a pipeline.
    compiled.with_suffix(".sha256").write_text(sources_digest(root / "tfx_modules"))


def pipeline_settings(root: Path) -> dict[str, str]:
    """Compile the pipeline into a folder; return what Airflow has to know to find it and its DAG."""
    compile_pipeline(root)
    (root / "files").mkdir()
    shutil.copy(ROOT / "tests" / "support" / "dags" / "promotions_dag.py", root / "files")
    bundle = "airflow.dag_processing.bundles.local.LocalDagBundle"
    bundles = [{"name": "promotions", "classpath": bundle, "kwargs": {"path": str(root / "files")}}]
    return {"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles), "TEST_MODULE_ROOT": str(root)}


@contextmanager
def running_airflow(site: Site, settings: Mapping[str, str], *, nodes: bool = True) -> Iterator[Running]:
    """Run Airflow and the node server until the block ends; the DAG is switched on.

    Args:
        site: Where.
        settings: Airflow's settings, as environment variables, and others that its processes need.
        nodes: Whether there is a node server; the nodes of stand-ins need none.
    """
    paths = site.paths
    socket = socket_path(paths, site.environ)
    make_private_folder(socket.parent)
    choices = Choices(ports=site.ports, node_socket=str(socket) if nodes else "", settings=settings)
    credentials = ensure_credentials(paths.secrets)
    environment = airflow_environment(paths, credentials, choices.environment(), site.environ)
    url = choices.environment()["AIRFLOW__API__BASE_URL"]
    processes = Processes()
    with only_stack(paths):
        if nodes:  # it takes longest
            processes.start(node_server(paths, socket, plain_environment(site.environ)))
        try:
            ensure_database(paths, environment)
            write_session(paths, choices)
            for service in airflow_services(paths, environment):
                if service.name != "triggerer":  # no task is deferred
                    processes.start(service)
            with AirflowApi(url, user=USER, password=credentials.password) as api:
                wait_for_scheduler(api, processes, **WAIT)
                wait_until(lambda: "" if api.is_paused(DAG) is not None else str(api.import_errors()), **WAIT)
                wait_until(lambda: "" if socket.exists() or not nodes else "the node server", **WAIT)
                api.set_paused(DAG, paused=False)
                yield Running(site, api, processes, environment)
        finally:
            processes.stop()
            shutil.rmtree(socket.parent)
