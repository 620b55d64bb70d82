"""Runs of the DAGs in tests/support, in the database of the tests' own Airflow."""

import os
import subprocess
import sys
from pathlib import Path

from tests.plugins.conftest import MODULE_ROOT
from tests.support.airflow_home import PROJECT_ROOT

DAGS = PROJECT_ROOT / "tests" / "support" / "dags"


def migrate() -> None:
    """Make the database, or find that it is there."""
    _run(["-m", "airflow", "db", "migrate"], dict(os.environ))


def run_gate(end: str, *, state: Path) -> str:
    """Run the DAG of gate_dag.py once; return the run's id.

    Args:
        end: The state that the node ExampleValidator ends in.
        state: The state folder of `[bert_service]`.
    """
    return run_dag("gate_dag.py", end, state=state).splitlines()[-1]


def run_dag(file: str, *arguments: str, state: Path, **environment: str) -> str:
    """Run a DAG once, with Airflow's own task runner and scheduling of a run; return what was printed.

    Args:
        file: The DAG's file.
        arguments: Of its script.
        state: The state folder of `[bert_service]`.
        environment: More variables.
    """
    variables = {
        **os.environ,
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__BERT_SERVICE__STATE": str(state),
        "AIRFLOW__BERT_SERVICE__TFX_PYTHON": sys.executable,
        "TEST_MODULE_ROOT": str(MODULE_ROOT),
        "PYTHONPATH": str(PROJECT_ROOT / "plugins"),
        **environment,
    }
    return _run([str(DAGS / file), *arguments], variables)


def _run(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
