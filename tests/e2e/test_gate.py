"""A blocked run in real processes of Airflow: the run's note, the link, the page. The node is a stand-in of TFX's."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from scripts.stack.api import AirflowApi
from scripts.stack.credentials import USER, ensure_credentials
from scripts.stack.database import ensure_database
from scripts.stack.environment import Choices, airflow_environment
from scripts.stack.processes import Processes
from scripts.stack.services import airflow_services
from scripts.stack.waiting import ProgressReporter, wait_until
from tests.e2e.conftest import ROOT, Site

pytestmark = pytest.mark.slow

WAIT: Any = {"seconds": 180.0, "progress": ProgressReporter(print)}
LINE = "ExampleValidator: blocked: split train: review has 3 missing values"


@pytest.fixture
def api(site: Site, tmp_path: Path) -> Iterator[AirflowApi]:
    """Airflow with the DAG of tests/support/dags/gate_dag.py."""
    shutil.copy(ROOT / "tests" / "support" / "dags" / "gate_dag.py", tmp_path)
    bundle = "airflow.dag_processing.bundles.local.LocalDagBundle"
    bundles = [{"name": "gate", "classpath": bundle, "kwargs": {"path": str(tmp_path)}}]
    settings = {"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles)}
    module_root = {"TEST_MODULE_ROOT": str(ROOT / "tests" / "plugins" / "data" / "module_root")}
    chosen = Choices(ports=site.ports, settings=settings).environment()
    credentials = ensure_credentials(site.paths.secrets)
    environment = airflow_environment(site.paths, credentials, chosen, site.environ) | module_root
    ensure_database(site.paths, environment)
    processes = Processes()
    try:
        for service in airflow_services(site.paths, environment):
            if service.name != "triggerer":
                processes.start(service)
        with AirflowApi(chosen["AIRFLOW__API__BASE_URL"], user=USER, password=credentials.password) as client:
            wait_until(lambda: "" if client.health().get("scheduler") == "healthy" else "Airflow", **WAIT)
            wait_until(lambda: "" if client.is_paused("gate") is not None else "the DAG", **WAIT)
            client.set_paused("gate", paused=False)
            yield client
    finally:
        processes.stop()


def test_a_blocked_run_says_why_on_its_note_and_its_task_leads_to_the_report(api: AirflowApi, site: Site) -> None:
    api.trigger("gate", "spoilt", {"state": "blocked"})
    wait_until(lambda: "" if api.run_state("gate", "spoilt") in ("success", "failed") else "the run", **WAIT)

    (run,) = api.runs("gate")
    assert (run["state"], run["note"]) == ("failed", LINE)
    # Kept after the run has ended.
    wait_until(lambda: "" if api.links("gate", "spoilt", "ExampleValidator")["Validation report"] else "link", **WAIT)
    path = api.links("gate", "spoilt", "ExampleValidator")["Validation report"]
    assert path == "/bert_service/reports/gate/spoilt/ExampleValidator"
    url = f"http://127.0.0.1:{site.ports.ui}"
    login = {"username": USER, "password": ensure_credentials(site.paths.secrets).password}
    with httpx.Client(base_url=url, trust_env=False) as browser:
        assert browser.get(path).status_code == httpx.codes.UNAUTHORIZED
        browser.cookies.set("_token", browser.post("/auth/token", json=login).json()["access_token"])
        assert "<title>Anomalies</title>" in browser.get(path).text
