"""Airflow's processes without those of the TFX side: for tests whose DAG files run no node."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from scripts.stack.api import AirflowApi
from scripts.stack.credentials import USER, ensure_credentials
from scripts.stack.database import ensure_database
from scripts.stack.environment import Choices, airflow_environment, write_session
from scripts.stack.lock import only_stack
from scripts.stack.processes import Processes
from scripts.stack.services import airflow_services
from scripts.stack.waiting import ProgressReporter, wait_until
from tests.e2e.conftest import Site

WAIT: Any = {"seconds": 240.0, "progress": ProgressReporter(print), "every": 0.5}


def local_bundle(name: str, folder: str) -> dict[str, str]:
    """Return the settings of a plain DAGs folder, as environment variables."""
    bundle = "airflow.dag_processing.bundles.local.LocalDagBundle"
    bundles = [{"name": name, "classpath": bundle, "kwargs": {"path": folder}}]
    return {"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles)}


def wait_for_scheduler(api: AirflowApi, processes: Processes, **wait: Any) -> None:
    """Wait until Airflow is healthy, as `wait_until` is told; fail where one of its processes ends before."""

    def missing() -> str:
        processes.check()
        return "" if api.health().get("scheduler") == "healthy" else "Airflow"

    wait_until(missing, **wait)


@contextmanager
def light_airflow(site: Site, settings: Mapping[str, str]) -> Iterator[AirflowApi]:
    """Run API server, scheduler and DAG processor until the block ends; commands beside them find them.

    Args:
        site: Where.
        settings: Airflow's settings, as environment variables.
    """
    choices = Choices(ports=site.ports, settings=settings)
    credentials = ensure_credentials(site.paths.secrets)
    environment = airflow_environment(site.paths, credentials, choices.environment(), site.environ)
    url = choices.environment()["AIRFLOW__API__BASE_URL"]
    processes = Processes()
    with only_stack(site.paths):
        try:
            ensure_database(site.paths, environment)
            write_session(site.paths, choices)
            for service in airflow_services(site.paths, environment):
                if service.name != "triggerer":
                    processes.start(service)
            with AirflowApi(url, user=USER, password=credentials.password) as api:
                wait_for_scheduler(api, processes, **WAIT)
                yield api
        finally:
            processes.stop()
