"""Runs of the DAG in tests/support/gate_dag.py, in the database of the tests' own Airflow."""

import os
import subprocess
import sys
from pathlib import Path

from tests.plugins.conftest import MODULE_ROOT
from tests.support.airflow_home import PROJECT_ROOT

DAG_FILE = PROJECT_ROOT / "tests" / "support" / "gate_dag.py"


def migrate() -> None:
    """Make the database, or find that it is there."""
    _run(["-m", "airflow", "db", "migrate"], dict(os.environ))


def run_gate(end: str, *, state: Path) -> str:
    """Run the DAG once, with Airflow's own task runner and scheduling of a run; return the run's id.

    Args:
        end: The state that the node ExampleValidator ends in.
        state: The state folder of `[bert_service]`.
    """
    environment = {
        **os.environ,
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAG_FILE.parent),
        "AIRFLOW__BERT_SERVICE__STATE": str(state),
        "TEST_MODULE_ROOT": str(MODULE_ROOT),
        "PYTHONPATH": str(PROJECT_ROOT / "plugins"),
    }
    return _run([str(DAG_FILE), end], environment).splitlines()[-1]


def _run(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
