"""The guide for pipelines of a user's own, tried to the letter: TFX's penguin example becomes a DAG, and runs."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.migrated_database import put_migrated_database

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "how-to" / "own-tfx-pipeline.md"
FILE = re.compile(r"^```python title=\"(?P<name>[^\"]+)\"\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^```bash\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
TFX_PYTHON = ROOT / ".venv" / "tfx" / "bin" / "python"
READY_SECONDS = 300.0
NODES = {
    "CsvExampleGen",
    "StatisticsGen",
    "SchemaGen",
    "transform_cache_resolver",
    "Transform",
    "Tuner",
    "Trainer",
    "latest_blessed_model_resolver",
    "Evaluator",
    "Pusher",
}
OUTCOMES = """
import json, sys
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
with create_session() as session:
    rows = session.query(XComModel).filter_by(dag_id="penguin", run_id=sys.argv[1], key="return_value")
    print(json.dumps({row.task_id: XComModel.deserialize_value(row) for row in rows}))
"""


@dataclass(frozen=True)
class Home:
    """An Airflow home of its own, beside the folder in which the user works."""

    folder: Path
    environ: dict[str, str]

    def run(self, command: str, *, code: int = 0) -> str:
        done = subprocess.run(
            ["/bin/bash", "-euc", command],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == code, f"{command}:\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def outcomes(self, output: str) -> dict[str, Any]:
        """The outcomes of the run that `airflow dags test` has just told of."""
        (run_id,) = set(re.findall(r"manual__[0-9T:.+-]+", output))
        found = subprocess.run(
            [sys.executable, "-c", OUTCOMES, run_id],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        return dict(json.loads(found.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    with tempfile.TemporaryDirectory(prefix="own-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "dags").mkdir()
        (folder / "bin").mkdir()
        for program, module in (("bert-service", "airflow_bert_service.cli"), ("airflow", "airflow")):
            script = folder / "bin" / program
            script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n')
            script.chmod(0o755)
        socket = folder / "nodes" / "socket"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON"))}
        examples = next(ROOT.glob(".venv/tfx/lib/python3*/site-packages/tfx/examples"))
        environ = {
            **kept,
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "plugins"),
            "TFX_EXAMPLES": str(examples),
            "AIRFLOW_HOME": name,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW__BERT_SERVICE__STATE": str(folder / "state"),
            "AIRFLOW__BERT_SERVICE__TFX_PYTHON": str(TFX_PYTHON),
            "AIRFLOW__BERT_SERVICE__NODE_SOCKET": str(socket),
        }
        made = Home(folder, environ)
        with node_server(made, socket):
            put_migrated_database(folder)
            yield made


@contextmanager
def node_server(home: Home, socket: Path) -> Iterator[None]:
    """Run the node server, so that nodes do not import TFX one by one."""
    path = home.folder / "node-server.log"
    with path.open("wb") as log:
        command = [str(TFX_PYTHON), "-m", "tfx_modules.node.server", "--socket", str(socket)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + READY_SECONDS
        while "node server ready" not in path.read_text():
            assert time.monotonic() < deadline, path.read_text()
            assert process.poll() is None, path.read_text()
            time.sleep(0.2)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def test_the_guides_pipeline_becomes_a_dag_and_runs(home: Home) -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    copy, make_data, compile_it, run_it = (found["text"] for found in COMMAND.finditer(guide))
    home.run(copy)
    for found in FILE.finditer(guide):
        (home.folder / found["name"]).write_text(found["text"], encoding="utf-8")
    home.run(make_data)
    assert "Compiled the pipeline penguin, version " in home.run(compile_it)

    outcomes = home.outcomes(home.run(run_it))

    assert {node: outcome["state"] for node, outcome in outcomes.items()} == dict.fromkeys(NODES, "complete")
    (blessing,) = outcomes["Evaluator"]["outputs"]["blessing"]
    assert blessing["properties"]["blessed"] == 1
    (model,) = (home.folder / "penguin" / "serving_model").iterdir()
    assert (model / "saved_model.pb").is_file()
