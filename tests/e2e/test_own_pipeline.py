"""Pipelines of TFX's examples become DAGs, and run; the guide for pipelines of a user's own is tried to the letter.

Their artifacts are those that TFX's LocalDagRunner makes (``tests/tfx_modules/local/compared.py``). A pipeline for
label sets, written by ``bert-service init``, reads and validates a feed in the same Airflow.
"""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
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
COMPARED = "tests.tfx_modules.local.compared"
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
TAXI_NODES = {
    "CsvExampleGen",
    "StatisticsGen",
    "SchemaGen",
    "ExampleValidator",
    "Transform",
    "Trainer",
    "latest_blessed_model_resolver",
    "Evaluator",
    "Pusher",
    "Goodbye",
}
TAXI = '''
"""The pipeline of TFX's Chicago taxi example, for Airflow, with an exit handler."""

from pathlib import Path

import taxi_pipeline_native_keras as example
from tfx import v1 as tfx

HERE = Path(__file__).parent
Parameter = tfx.dsl.components.Parameter


@tfx.orchestration.experimental.exit_handler
def Goodbye(final_status: Parameter[str], file: Parameter[str]):
    if final_status:  # LocalDagRunner knows no exit handlers
        Path(file).write_text(final_status)


def create_pipeline() -> tfx.dsl.Pipeline:
    goodbye = Goodbye(
        final_status=tfx.orchestration.experimental.FinalStatusStr(), file=str(HERE / "final_status.json")
    )
    pipeline = taxi()
    pipeline.components = [goodbye, *pipeline.components]
    return pipeline


def taxi() -> tfx.dsl.Pipeline:
    return example._create_pipeline(
        pipeline_name="taxi",
        pipeline_root="",
        data_root=str(HERE / "data"),
        module_file=str(HERE / "taxi_utils_native_keras.py"),
        serving_model_dir=str(HERE / "serving_model"),
        metadata_path="unused.db",
        beam_pipeline_args=[],
    )
'''
EVERYWHERE = {
    *("Examples", "ExampleStatistics", "Schema", "TransformGraph"),
    *("Model", "ModelEvaluation", "ModelBlessing", "PushedModel"),
}
"""Types of artifacts that both examples have."""
TAXI_STEPS = "train_args=trainer_pb2.TrainArgs(num_steps=1000)"
"""What the example trains, of which the test needs few."""
TAXI_TRIPS = 1500
"""Rows of the example's file that the test takes."""
TAXI_DAG = """
from pathlib import Path

from airflow_bert_service import AirflowDagRunner, AirflowPipelineConfig, load_pipeline

plan = load_pipeline(Path(__file__).parent / "taxi")
dag = AirflowDagRunner(AirflowPipelineConfig({"schedule": None})).run(plan)
"""
DAYS_OF_TOPICS = ("2026-11-04", "2026-11-05")
"""Days of a feed of label sets."""
SETS_OF_TOPICS = [", ".join(one) for size in range(4) for one in combinations(("billing", "fault", "order"), size)]
TIMES = 6
"""How often each set of labels comes on a day: each label is then in more reviews than the gate asks for, and missing
in as many."""
OUTCOMES = """
import json, sys
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
with create_session() as session:
    rows = session.query(XComModel).filter_by(run_id=sys.argv[1], key="return_value")
    print(json.dumps({row.task_id: XComModel.deserialize_value(row) for row in rows}))
"""


Outcomes = dict[str, Any]
"""The outcome of each node."""


@dataclass(frozen=True)
class Compared:
    """What two runs of a pipeline made."""

    types: dict[str, str]
    """The type of each output, by node and output."""
    differences: list[str]


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

    def compared(self, runs: Mapping[str, Outcomes]) -> dict[str, Compared]:
        """Run pipelines with LocalDagRunner, in one process, and compare their artifacts with those of runs.

        Args:
            runs: The outcomes of each run, by its pipeline's FILE:FUNCTION in the folder.
        """
        arguments = []
        for function, outcomes in runs.items():
            name = Path(function).parts[0]
            (self.folder / f"{name}.json").write_text(json.dumps(outcomes))
            places = (self.folder / function, self.folder / f"{name}.json", self.folder / "local" / name)
            arguments += list(map(str, places))
        done = subprocess.run(
            [str(TFX_PYTHON), "-m", COMPARED, *arguments],
            cwd=self.folder,
            env={
                **{name: value for name, value in self.environ.items() if not name.startswith("AIRFLOW")},
                "PYTHONPATH": str(ROOT),
                "UNSUPPORTED_DO_NOT_PACKAGE_USER_MODULES": "1",
            },
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-5000:]
        found = map(json.loads, done.stdout.splitlines()[-len(runs) :])
        return {
            function: Compared(one["compared"], one["differences"]) for function, one in zip(runs, found, strict=True)
        }

    def outcomes(self, output: str) -> Outcomes:
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


@pytest.fixture(scope="module")
def penguin(home: Home) -> Outcomes:
    guide = GUIDE.read_text(encoding="utf-8")
    copy, make_data, compile_it, run_it, *_rollback = (found["text"] for found in COMMAND.finditer(guide))
    home.run(copy)
    for found in FILE.finditer(guide):
        (home.folder / found["name"]).write_text(found["text"], encoding="utf-8")
    home.run(make_data)
    assert "Compiled the pipeline penguin, version " in home.run(compile_it)
    return home.outcomes(home.run(run_it))


@pytest.fixture(scope="module")
def taxi(home: Home) -> Outcomes:
    folder, example = home.folder / "taxi", Path(home.environ["TFX_EXAMPLES"]) / "chicago_taxi_pipeline"
    (folder / "data").mkdir(parents=True)
    shutil.copy(example / "taxi_utils_native_keras.py", folder)
    pipeline = (example / "taxi_pipeline_native_keras.py").read_text(encoding="utf-8")
    assert pipeline.count(TAXI_STEPS) == 1
    few_steps = pipeline.replace(TAXI_STEPS, "train_args=trainer_pb2.TrainArgs(num_steps=60)")
    (folder / "taxi_pipeline_native_keras.py").write_text(few_steps, encoding="utf-8")
    trips = (example / "data" / "simple" / "data.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "data" / "data.csv").write_text("".join(trips[: 1 + TAXI_TRIPS]), encoding="utf-8")
    (folder / "taxi.py").write_text(TAXI, encoding="utf-8")
    (home.folder / "dags" / "taxi_dag.py").write_text(TAXI_DAG, encoding="utf-8")
    home.run("bert-service compile taxi/taxi.py:create_pipeline -o dags/taxi")
    return home.outcomes(home.run("airflow dags test taxi"))


def test_the_guides_pipeline_becomes_a_dag_and_runs(home: Home, penguin: Outcomes) -> None:
    assert {node: outcome["state"] for node, outcome in penguin.items()} == dict.fromkeys(NODES, "complete")
    check_pushed(penguin, home.folder / "penguin" / "serving_model")


def test_the_pipeline_of_the_chicago_taxi_example_runs(home: Home, taxi: Outcomes) -> None:
    assert {node: outcome["state"] for node, outcome in taxi.items()} == dict.fromkeys(TAXI_NODES, "complete")
    assert taxi["ExampleValidator"]["outputs"]["anomalies"]
    check_pushed(taxi, home.folder / "taxi" / "serving_model")


def test_its_exit_handler_hears_how_the_run_has_ended(home: Home, taxi: Outcomes) -> None:
    assert taxi["Goodbye"]["state"] == "complete"
    status = json.loads((home.folder / "taxi" / "final_status.json").read_text(encoding="utf-8"))
    assert status["state"] == "SUCCEEDED"
    assert status["pipelineJobResourceName"].startswith("dags/taxi/dagRuns/manual__")


def check_pushed(outcomes: Outcomes, folder: Path) -> None:
    (blessing,) = outcomes["Evaluator"]["outputs"]["blessing"]
    assert blessing["properties"]["blessed"] == 1
    (model,) = folder.iterdir()
    assert (model / "saved_model.pb").is_file()


def test_the_artifacts_are_those_that_tfx_s_local_dag_runner_makes(
    home: Home, penguin: Outcomes, taxi: Outcomes
) -> None:
    found = home.compared({"penguin/penguin.py:create_pipeline": penguin, "taxi/taxi.py:create_pipeline": taxi})
    for compared in found.values():
        assert set(compared.types.values()) > EVERYWHERE
        assert compared.differences == []
    of_penguin, of_taxi = (set(compared.types.values()) for compared in found.values())
    assert "HyperParameters" in of_penguin
    assert "ExampleAnomalies" in of_taxi


def test_a_feed_of_label_sets_is_refreshed_and_its_data_pass_the_gate(home: Home) -> None:
    before = files_of_the_checkout()
    project = home.folder / "labels"  # a folder of DAG files with a tfx_modules beside it, as a checkout has
    (project / "dags").mkdir(parents=True)
    (project / "tfx_modules").symlink_to(ROOT / "tfx_modules")
    with (home.folder / "topics.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("id", "created", "text", "topics"))
        for day in DAYS_OF_TOPICS:
            for n, labels in enumerate(SETS_OF_TOPICS * TIMES):
                rows.writerow((n, day, f"Message {n} of {day}, in some words.", labels))
    home.run(
        "bert-service init topics --dags-folder labels/dags --kind multilabel --labels billing,fault,order "
        f"--feed files --set files_pattern={home.folder}/topics.csv --set files_date_column=created "
        f"--set first_day={DAYS_OF_TOPICS[0]} --set last_day={DAYS_OF_TOPICS[-1]} "
        "--set text_column=text --set sentiment_column=topics --set window_days=2"
    )
    home.run("bert-service compile labels/dags/bert_pipelines/topics")
    conf = json.dumps({"data_date": DAYS_OF_TOPICS[-1], "mode": "data_only"})

    run = f"AIRFLOW__CORE__DAGS_FOLDER={project}/dags airflow dags test topics --conf '{conf}'"
    outcomes = home.outcomes(home.run(run))

    assert outcomes.pop("refresh_data")["rows"] == len(DAYS_OF_TOPICS) * len(SETS_OF_TOPICS) * TIMES
    assert outcomes["ExampleValidator"]["state"] == "complete", outcomes["ExampleValidator"]
    assert "Transform" not in outcomes, "the run is about the data alone"
    (span,) = (home.folder / "state").rglob(f"{DAYS_OF_TOPICS[-1]}/v1/reviews.csv")
    with span.open(newline="", encoding="utf-8") as file:
        sets = [", ".join(json.loads(row["sentiment"])) for row in csv.DictReader(file)]
    assert sorted(sets) == sorted(SETS_OF_TOPICS * TIMES)
    (statistics,) = outcomes["StatisticsGen"]["outputs"]["statistics"]
    days = json.loads(Path(statistics["uri"], "days.json").read_text(encoding="utf-8"))
    counted = days["days"][DAYS_OF_TOPICS[-1]]
    assert counted["counts"]["sentiment"][:3] == [4 * TIMES] * 3, "of eight sets, each label is in four"
    assert files_of_the_checkout() == before


def files_of_the_checkout() -> set[Path]:
    """Where commands that take another folder for the user's would write."""
    folders = [ROOT / name for name in ("dags", "plugins", "tfx_modules", "data")]
    return {file for folder in folders for file in folder.rglob("*") if "__pycache__" not in file.parts}
