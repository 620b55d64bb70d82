"""The nodes of the spec, run with what Kubeflow Pipelines gives their containers.

WHOLE_KUBEFLOW=1 runs all of them, twice, in some minutes of a core; else those that train nothing run.
"""

import csv
import datetime as dt
import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.tfx_modules.kubeflow.spec_run import SpecRun
from tests.tfx_modules.pipeline.whole_pipeline import COLUMNS, EPOCH, small_encoder, told_by_a_word
from tfx_modules.exceptions import GateError, MissingSpanError
from tfx_modules.kubeflow import compile as compiling
from tfx_modules.kubeflow.options import Cluster
from tfx_modules.promotion.ledger import open_ledger
from tfx_modules.settings.gate import GateSettings
from tfx_modules.settings.settings import (
    ExportSettings,
    PipelineSettings,
    Precision,
    TrainingSettings,
    ValidationSettings,
)

DAYS = ("2026-11-04", "2026-11-05")
WORDS = {"positive": "good", "negative": "bad"}
DATA_NODES = ("earlier-runs", "csv-example-gen", "statistics-gen", "schema-gen", "example-validator")
MODEL_NODES = ("transform", "tuner", "trainer", "evaluator", "infra-validator", "pusher", "keep-for-later-runs")


class Volume:
    """The state folder, as the claim has it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.models = folder / "models" / "bert_sentiment"
        self.encoder = small_encoder(folder / "encoder")

    def write(self, day: str, version: int, count: int) -> None:
        place = self.folder / "spans" / day / f"v{version}"
        place.mkdir(parents=True)
        with (place / "reviews.csv").open("w", encoding="utf-8", newline="") as file:
            file.write(",".join(COLUMNS) + "\n")
            lines = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
            rows = told_by_a_word(WORDS, count, start=100 * version)
            lines.writerows((f"{day}-{n}", day, text, label) for n, (text, label) in enumerate(rows))

    def values(self, run_id: str, versions: dict[str, int]) -> dict[str, str]:
        """What the refresh returns."""
        first, last = ((dt.date.fromisoformat(day) - EPOCH).days for day in (min(versions), max(versions)))
        promotion = {"dag_id": "bert_sentiment", "run_id": run_id, "actor": "kubeflow", "older": "no"}
        return {
            "input_base": str(self.folder / "spans"),
            "range_config": json.dumps({"static_range": {"start_span_number": first, "end_span_number": last}}),
            "span_versions": json.dumps(versions),
            "holdout": self._holdout(),
            "tune": "no",
            "train_args": json.dumps({"splits": ["train"], "num_steps": 0}),
            "promotion": json.dumps({**promotion, "data_date": max(versions), "first_day": min(versions)}),
            "push_destination": json.dumps({"filesystem": {"base_directory": str(self.models)}}),
        }

    def _holdout(self) -> str:
        path = self.folder / "own-v0.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([("review", "sentiment"), *told_by_a_word(WORDS, 40)])
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return json.dumps({"name": path.stem, "path": str(path), "sha256": digest})


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    return Volume(tmp_path)


def compiled(volume: Volume, **changed: Any) -> dict[str, Any]:
    settings = PipelineSettings(
        encoder=volume.encoder,
        training=TrainingSettings(batch_size=16, epochs=16, learning_rate=1e-2, length_buckets=(), jit_compile=False),
        export=ExportSettings(precision=Precision.FLOAT32),
        validation=ValidationSettings(minimum_class_rows=1),
        gate=GateSettings(accuracy_floor=0.6),
    )
    cluster = Cluster(image="worker:1", claim="bert-state", mount_path=str(volume.folder))
    return compiling.compile_settings(replace(settings, **changed), cluster).pipeline


@pytest.mark.usefixtures("kfp_environment")
def test_a_run_reads_the_versions_of_its_window_and_the_gate_on_data_lets_it_pass(volume: Volume) -> None:
    # The newest version is not the one that the run names.
    for day, version, count in ((DAYS[0], 1, 30), (DAYS[0], 2, 60), (DAYS[1], 1, 40)):
        volume.write(day, version, count)
    run = SpecRun(compiled(volume), volume.folder / "run", volume.values("run-1", dict.fromkeys(DAYS, 1)))
    made = {task: run.run(task) for task in DATA_NODES}
    # TFX's driver names the window's last day; artifacts after it take the span from there.
    assert made["statistics-gen"]["statistics"]["metadata"]["span"] == 20762
    counted = json.loads(Path(made["statistics-gen"]["statistics"]["uri"], "days.json").read_text(encoding="utf-8"))
    assert {day: found["rows"] for day, found in counted["days"].items()} == {DAYS[0]: 30, DAYS[1]: 40}
    assert all(artifact["metadata"]["absent"] for artifact in made["earlier-runs"].values())
    assert Path(made["example-validator"]["anomalies"]["uri"], "report.html").is_file()
    assert run.run("data-gate") == {}


@pytest.mark.usefixtures("kfp_environment")
def test_blocked_data_stop_the_run_before_the_costly_nodes_and_the_report_stays(volume: Volume) -> None:
    for day in DAYS:
        volume.write(day, 1, 30)
    # A class has fewer rows than the settings ask for.
    spec = compiled(volume, validation=ValidationSettings(minimum_class_rows=1000))
    run = SpecRun(spec, volume.folder / "run", volume.values("run-1", dict.fromkeys(DAYS, 1)))
    made = {task: run.run(task) for task in DATA_NODES}
    assert Path(made["example-validator"]["anomalies"]["uri"], "report.html").is_file()
    with pytest.raises(GateError, match=r"blocked: .*report.html beside the anomalies"):
        run.run("data-gate")


@pytest.mark.usefixtures("kfp_environment")
def test_a_version_that_is_not_there_fails_and_is_named(volume: Volume) -> None:
    volume.write(DAYS[1], 1, 30)
    run = SpecRun(compiled(volume), volume.folder / "run", volume.values("run-1", {DAYS[1]: 2}))
    with pytest.raises(MissingSpanError, match=r"span 20762 \(2026-11-05\), version 2, is not in"):
        run.run("csv-example-gen")


@pytest.mark.usefixtures("kfp_environment")
@pytest.mark.skipif("WHOLE_KUBEFLOW" not in os.environ, reason="takes minutes; WHOLE_KUBEFLOW=1 runs it")
@pytest.mark.filterwarnings("default")  # Keras and TFX warn of themselves when a model is trained and judged
def test_the_whole_spec_promotes_a_model_and_the_next_run_compares_with_it(volume: Volume) -> None:
    for day in DAYS:
        volume.write(day, 1, 150)
    spec = compiled(volume)
    first = SpecRun(spec, volume.folder / "first", volume.values("run-1", dict.fromkeys(DAYS, 1)))
    made = {task: first.run(task) for task in (*DATA_NODES, "data-gate", *MODEL_NODES)}
    assert made["pusher"]["pushed_model"]["metadata"]["verdict"] == "promoted"
    ledger = open_ledger(f"sqlite:///{volume.folder}/ledger/ledger.db", "bert_sentiment")
    assert ledger.service().live == 2026110501
    assert (volume.models / "2026110501" / "saved_model.pb").is_file()

    second = SpecRun(spec, volume.folder / "second", volume.values("run-2", dict.fromkeys(DAYS, 1)))
    made = {task: second.run(task) for task in (*DATA_NODES, "data-gate", *MODEL_NODES)}
    assert "absent" not in made["earlier-runs"]["model"]["metadata"]
    assert "absent" not in made["earlier-runs"]["statistics"]["metadata"]
    assert made["evaluator"]["blessing"]["metadata"]["baseline_model"] == made["earlier-runs"]["model"]["uri"]
    assert made["pusher"]["pushed_model"]["metadata"]["verdict"] in ("promoted", "blocked", "unchanged")
