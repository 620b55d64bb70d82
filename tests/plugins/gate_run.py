"""Runs of the DAGs in tests/support, in the database of the tests' own Airflow."""

import atexit
import functools
import json
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.plugins.conftest import MODULE_ROOT
from tests.support.airflow_home import AIRFLOW_HOME, PROJECT_ROOT
from tests.support.forked_program import ForkedProgram, forked_program
from tests.support.migrated_database import put_migrated_database

DAGS = PROJECT_ROOT / "tests" / "support" / "dags"


def migrate() -> None:
    """Make the database, or find that it is there."""
    put_migrated_database(AIRFLOW_HOME)


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
        **_environment(),
        "AIRFLOW__BERT_SERVICE__STATE": str(state),
        "AIRFLOW__BERT_SERVICE__TFX_PYTHON": sys.executable,
        "TEST_MODULE_ROOT": str(MODULE_ROOT),
        **environment,
    }
    with tempfile.TemporaryDirectory() as folder:
        printed, errors = Path(folder, "printed"), Path(folder, "errors")
        script = str(DAGS / file)
        code = _preloaded_airflow().call("run", str(printed), str(errors), json.dumps(variables), script, *arguments)
        assert code == 0, printed.read_text() + errors.read_text()
        return printed.read_text()


def _environment() -> dict[str, str]:
    path = os.pathsep.join(map(str, (PROJECT_ROOT, PROJECT_ROOT / "plugins")))
    return {**os.environ, "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS), "PYTHONPATH": path}


@functools.cache
def _preloaded_airflow() -> ForkedProgram:
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(forked_program("tests.plugins.preloaded_airflow", _environment()))
