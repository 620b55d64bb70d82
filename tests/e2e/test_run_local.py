"""A run of the DAG and a run without Airflow, of the same day: the same artifacts, records and ledger."""

import base64
import csv
import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_own_pipeline import ROOT, TFX_PYTHON, Home, node_server

pytestmark = pytest.mark.slow

DAY = "2026-11-05"
DAYS = ("2026-11-04", DAY)
WORDS = ("good", "bad", "film", "shop", "very", "so", "it", "was", "and", "the")
MAKE_ENCODER = """
import sys
from pathlib import Path
from tests.tfx_modules.model.test_encoder_checkpoint import CONFIG, tensors, write
vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *sys.argv[2:]]
config = {**CONFIG, "num_hidden_layers": 1, "vocab_size": len(vocabulary), "hidden_size": 16}
write(Path(sys.argv[1]), tensors(config), config, vocabulary)
"""
SETTINGS = """
name = "bert_sentiment"
[encoder]
source = "{folder}/encoder"
vocab = "{folder}/encoder/vocab.txt"
weights_sha256 = ""
vocab_sha256 = ""
max_tokens = 32
head_tokens = 32
[training]
batch_size = 16
epochs = 4
learning_rate = 1e-2
length_buckets = []
jit_compile = false
[export]
precision = "float32"
[validation]
minimum_class_rows = 5
default_severity = "warn"
"""
CHANGING = {"current_model_id", "input_fingerprint", "median_seconds"}
"""Properties with ids, times of files or measured times."""
PROPERTIES = {
    "Artifact": "SELECT name, int_value, double_value, string_value FROM ArtifactProperty WHERE artifact_id = ?",
    "Execution": "SELECT name, int_value, double_value, string_value FROM ExecutionProperty WHERE execution_id = ?",
}


@dataclass(frozen=True)
class State:
    """What a run has left in a folder."""

    folder: Path
    run_id: str

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with sqlite3.connect(f"file:{self.folder}/metadata/mlmd.db?mode=ro", uri=True) as store:
            return store.execute(query, values).fetchall()

    def plain(self, value: object) -> object:
        """Return a value without what names the run and its folder: executions are numbered as they come."""
        if not isinstance(value, str):
            return value
        text = value.replace(str(self.folder), "STATE").replace(self.run_id, "RUN")
        text = re.sub(r"(STATE/pipeline/\w+/\w+)/\d+", r"\1/N", text)
        return re.sub(r'"actor": "\w+"', '"actor": "WHO"', text)  # Airflow's run type, or the user

    def records(self) -> dict[str, Any]:
        """Return what ML Metadata knows of each node: type, state, properties, and what it read and wrote."""
        nodes = {}
        types = dict(self.rows("SELECT id, name FROM Type"))
        for execution, kind, state in self.rows("SELECT id, type_id, last_known_state FROM Execution"):
            name = self._node_of(execution)
            nodes[name] = {
                "type": types[kind],
                "state": state,
                "properties": self._properties("Execution", execution),
                "events": self._events(execution, types),
                "contexts": self._contexts(execution),
            }
        return nodes

    def files(self) -> dict[str, list[str]]:
        """Return the files of each artifact by the path of the artifact."""
        found: dict[str, list[str]] = {}
        root = self.folder / "pipeline"
        for path in root.glob("*/*/*"):
            if path.parent.name != ".system" and path.is_dir():
                names = (str(file.relative_to(path)) for file in path.rglob("*") if file.is_file())
                # TensorBoard's files are named after the time and the process.
                found[str(path.parent.relative_to(root))] = sorted(
                    re.sub(r"tfevents\..*", "tfevents", n) for n in names
                )
        return found

    def content(self, pattern: str) -> bytes:
        (path,) = (self.folder / "pipeline").glob(pattern)
        return path.read_bytes()

    def _node_of(self, execution: int) -> str:
        names = [name for name, kind in self._contexts_of(execution) if kind == "node"]
        return str(names[0]).partition(".")[2]

    def _contexts_of(self, execution: int) -> list[tuple[Any, ...]]:
        return self.rows(
            "SELECT c.name, t.name FROM Association a JOIN Context c ON c.id = a.context_id "
            "JOIN Type t ON t.id = c.type_id WHERE a.execution_id = ?",
            execution,
        )

    def _contexts(self, execution: int) -> list[Any]:
        found = self._contexts_of(execution)
        # The key of the cache is a digest of ids and paths.
        return sorted((kind, "KEY" if kind == "execution_cache" else self.plain(name)) for name, kind in found)

    def _properties(self, what: str, number: int) -> dict[str, Any]:
        rows = self.rows(PROPERTIES[what], number)
        found = {name: self.plain(next((v for v in values if v is not None), None)) for name, *values in rows}
        return {name: "CHANGES" if name in CHANGING else in_order(value) for name, value in sorted(found.items())}

    def _events(self, execution: int, types: dict[int, str]) -> list[Any]:
        found = []
        query = "SELECT id, artifact_id, type FROM Event WHERE execution_id = ?"
        for event, artifact, kind in self.rows(query, execution):
            path = self.rows(
                "SELECT step_index, step_key FROM EventPath WHERE event_id = ? ORDER BY is_index_step", event
            )
            ((type_id, uri, state),) = self.rows("SELECT type_id, uri, state FROM Artifact WHERE id = ?", artifact)
            properties = self._properties("Artifact", artifact)
            found.append((kind, path, types[type_id], self.plain(uri), state, properties))
        return sorted(found, key=repr)


def in_order(value: object) -> object:
    """Return a property without the order that TFX gives splits, which is that of a set."""
    if isinstance(value, str) and value.startswith(("mlmd-struct::", '["')):
        _, is_struct, encoded = value.partition("mlmd-struct::")
        return sorted(base64.b64decode(encoded)) if is_struct else sorted(json.loads(value))
    return value


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """An Airflow home with this project's DAG, a small encoder, and reviews whose label is told by a word."""
    folder = tmp_path_factory.mktemp("local")
    (folder / "dags").mkdir()
    for name in ("tfx_modules", "data"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "dags" / "bert_sentiment.py").write_text((ROOT / "dags" / "bert_sentiment.py").read_text())
    (folder / "dags" / "settings.toml").write_text(SETTINGS.format(folder=folder))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON"))}
    command = [str(TFX_PYTHON), "-c", MAKE_ENCODER, str(folder / "encoder"), *WORDS]
    subprocess.run(command, cwd=ROOT, env=kept, check=True, capture_output=True)
    write_reviews(folder / "feed")
    socket = folder / "nodes" / "socket"
    (folder / "bin").mkdir()
    for program, module in (("bert-service", "airflow_bert_service.cli"), ("airflow", "airflow")):
        script = folder / "bin" / program
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n')
        script.chmod(0o755)
    settings = {
        "root": folder,
        "state": folder / "state",
        "tfx_python": TFX_PYTHON,
        "node_socket": socket,
        "feed": "files",
        "files_pattern": f"{folder}/feed/{{date}}.csv",
        "first_day": DAYS[0],
        "holdout": folder / "feed" / "held_out.csv",
        "window_days": 2,
    }
    environ = {
        **kept,
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "plugins"),
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        **{f"AIRFLOW__BERT_SERVICE__{name.upper()}": str(value) for name, value in settings.items()},
    }
    made = Home(folder, environ)
    with node_server(made, socket):
        made.run("airflow db migrate")
        made.run("bert-service compile")
        yield made


def write_reviews(folder: Path) -> None:
    folder.mkdir()
    for day, start in zip(DAYS, (0, 120), strict=True):
        rows = [(f"{day}-{n}", *row) for n, row in enumerate(told(120, start))]
        _write(folder / f"{day}.csv", [("id", "review", "sentiment"), *rows])
    _write(folder / "held_out.csv", [("review", "sentiment"), *told(60, 400)])


def _write(path: Path, rows: list[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def told(count: int, start: int) -> list[tuple[str, str]]:
    """Make texts whose label is told by one word of theirs."""
    around = WORDS[2:]
    found = []
    for n in range(start, start + count):
        turn = n // 2
        word, label = (("good", "positive"), ("bad", "negative"))[n % 2]
        found.append((f"{around[turn % 8]} {around[turn // 8 % 8]} {word} {around[turn // 64 % 8]}", label))
    return found


def history(home: Home, state: Path) -> list[dict[str, Any]]:
    """Return the ledger's events, as `bert-service models history` shows them."""
    command = f"AIRFLOW__BERT_SERVICE__STATE={state} bert-service models history --limit 0 --json"
    (line,) = (line for line in home.run(command).splitlines() if line.startswith("["))
    found: list[dict[str, Any]] = json.loads(line)
    return found


@pytest.fixture(scope="module")
def both(home: Home) -> tuple[State, State]:
    """Run the day both ways; return what the run of the DAG has left, and what the local one has."""
    output = home.run(f"airflow dags test bert_sentiment {DAY}")
    (in_dag,) = set(re.findall(r"manual__[0-9T:.+-]+", output))
    told = home.run(f"bert-service run-local --date {DAY}")
    (alone,) = set(re.findall(r"local__[0-9T-]+", told))
    return State(home.folder / "state", in_dag), State(home.folder / "state" / "local", alone)


def test_both_ways_make_the_same_artifacts(both: tuple[State, State]) -> None:
    dag, local = both
    assert local.files() == dag.files()
    for pattern in (
        "CsvExampleGen/examples/*/Split-train/*",
        "SchemaGen/schema/*/schema.pbtxt",
        "StatisticsGen/statistics/*/days.json",
        "ExampleValidator/anomalies/*/report.html",
    ):
        assert local.content(pattern) == dag.content(pattern), pattern


def test_both_ways_leave_the_same_records_in_ml_metadata(both: tuple[State, State]) -> None:
    dag, local = both
    theirs, ours = dag.records(), local.records()
    assert ours.keys() == theirs.keys()
    for node, record in theirs.items():
        assert ours[node] == record, node


def test_both_ways_come_to_the_same_verdict_in_ledgers_of_their_own(home: Home, both: tuple[State, State]) -> None:
    events = [history(home, state.folder) for state in both]
    (dag,), (local,) = events
    assert dag["kind"] == local["kind"] == "promoted"
    assert local["run_id"] != dag["run_id"]
    for name in ("version", "reason", "data_date", "first_day", "final", "dag_id"):
        assert local[name] == dag[name], name
    # Every measurement on every slice; the models' sizes differ, since the folder's path is in them.
    for name in ("sets", "rows", "distances"):
        assert local["metrics"][name] == dag["metrics"][name], name
    assert {"latency_ms", "training_seconds", "bytes"} <= local["metrics"].keys() & dag["metrics"].keys()
    assert [path.name for path in (home.folder / "state" / "models" / "bert_sentiment").glob("2*")] == [
        path.name for path in (home.folder / "state" / "local" / "models" / "bert_sentiment").glob("2*")
    ]
