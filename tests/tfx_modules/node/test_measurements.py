"""What the ledger gets of a run beside the gate's numbers."""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from tests.tfx_modules.reports.made_up import Made, folder, record
from tfx_modules.model.record import training_record
from tfx_modules.model.record.training_record import Fit, LiteMeasures, TrainingRecord
from tfx_modules.node.launching import measurements
from tfx_modules.reports.node_record import NodeRecord

TRAINER = "tfx_modules.components.trainer.Trainer"
EXAMPLE_GEN = "tfx_modules.components.example_gen.CsvExampleGen"
VALIDATOR = "tfx_modules.components.example_validator.ExampleValidator"
DISTANCES = {"drift": {"words": {"value": 0.04, "limit": 0.1}}}


@pytest.fixture
def nodes(tmp_path: Path) -> dict[str, NodeRecord]:
    trained = folder(tmp_path, "trained")
    fit = Fit("the CPU, float32", 1400, 700, 32, 132, 3, 75.2, 61.52)
    training_record.write(TrainingRecord({}, tuned=False, fit=fit, engines=()), trained)
    for day, rows, rejected in (("2026-11-04", 70, {"no_text": 9}), ("2026-11-05", 97, {"no_text": 2, "no_id": 1})):
        (tmp_path / "spans" / day / "v2").mkdir(parents=True)
        manifest = {"rows": rows, "rejected": rejected}
        (tmp_path / "spans" / day / "v2" / "manifest.json").write_text(json.dumps(manifest))
    versions = json.dumps({"2026-11-03": None, "2026-11-04": 2, "2026-11-05": 2})
    parameters = {"input_base": str(tmp_path / "spans"), "span_versions": versions}
    return {
        EXAMPLE_GEN: record({}, parameters=parameters),
        VALIDATOR: record({"anomalies": Made("", {"distances": json.dumps(DISTANCES)})}),
        TRAINER: record({"model_run": Made(str(trained))}),
    }


def test_training_time_rejected_rows_of_the_data_date_and_distances_are_collected(nodes: dict[str, NodeRecord]) -> None:
    assert nodes.keys() == measurements.KINDS
    assert measurements.of_run(lambda _: nodes) == {
        "training_seconds": 75.2,
        "rows": {"used": 97, "rejected": 3},
        "distances": DISTANCES,
    }


def test_of_a_model_that_is_exported_for_tflite_its_measures_are_collected(
    nodes: dict[str, NodeRecord], tmp_path: Path
) -> None:
    made = training_record.read(tmp_path / "trained")
    assert made is not None
    measures = LiteMeasures(
        precision="int8",
        measured_on="own-v1",
        n=400,
        accuracy=0.87,
        savedmodel_accuracy=0.872,
        score_difference=0.03,
        latency_ms=12.5,
        savedmodel_latency_ms=40.1,
        bytes=23_000_000,
        savedmodel_bytes=91_000_000,
    )
    training_record.write(replace(made, tflite=measures), tmp_path / "trained")
    assert measurements.of_run(lambda _: nodes)["tflite"] == asdict(measures)


def test_a_number_that_cannot_be_read_is_missing_and_the_log_says_why(
    nodes: dict[str, NodeRecord], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "trained" / "training.json").write_text("[]")
    (tmp_path / "spans" / "2026-11-05" / "v2" / "manifest.json").unlink()
    assert measurements.of_run(lambda _: nodes) == {"distances": DISTANCES}
    assert "the ledger gets no training_seconds of this run: NodeError: " in caplog.text
    assert "the ledger gets no rows of this run: FileNotFoundError: " in caplog.text


def test_nodes_of_an_earlier_release_have_left_no_numbers(nodes: dict[str, NodeRecord], tmp_path: Path) -> None:
    (tmp_path / "trained" / "training.json").unlink()
    earlier = {**nodes, VALIDATOR: record({"anomalies": Made("")})}
    del earlier[EXAMPLE_GEN]
    assert measurements.of_run(lambda _: earlier) == {}


def test_a_component_that_cannot_be_imported_leaves_the_verdict_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    def of_a_broken_component(kinds: Collection[str]) -> Mapping[str, NodeRecord]:
        raise OSError(f"a library is missing, asked for {len(kinds)}")

    assert measurements.of_run(of_a_broken_component) == {}
    assert "the ledger gets no measurements of this run: OSError: a library is missing" in caplog.text
