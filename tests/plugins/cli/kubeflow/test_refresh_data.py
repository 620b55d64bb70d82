"""The first task of a run on Kubeflow Pipelines: it refreshes the data, and says what the nodes read."""

import json
from pathlib import Path
from typing import Any

import pytest
from airflow_bert_service.cli.kubeflow import refresh_data

OUTPUTS = (
    "holdout",
    "input_base",
    "promotion",
    "push_destination",
    "range_config",
    "span_versions",
    "train_args",
    "tune",
)
GIVEN = {"data_date": "2026-11-05", "tune": False, "train_steps": 20.0, "promote_older": False, "run_id": "4d0c"}


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__STATE", str(tmp_path / "state"))
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__WINDOW_DAYS", "2")
    return tmp_path / "state"


def executor_input(folder: Path, **changed: Any) -> str:
    return json.dumps(
        {
            "inputs": {"parameterValues": GIVEN | changed},
            "outputs": {
                "outputFile": str(folder / "output.json"),
                "parameters": {name: {"outputFile": str(folder / "values" / name)} for name in OUTPUTS},
            },
        }
    )


def run(text: str, pipeline: str = "bert_sentiment") -> int:
    return refresh_data.main(["--pipeline", pipeline, "--executor-input", text])


def test_the_window_is_refreshed_and_its_versions_are_told(state: Path, tmp_path: Path) -> None:
    assert run(executor_input(tmp_path)) == 0
    values = {name: (tmp_path / "values" / name).read_text() for name in OUTPUTS}
    assert json.loads(values["span_versions"]) == {"2026-11-04": 1, "2026-11-05": 1}
    assert json.loads(values["range_config"]) == {
        "static_range": {"start_span_number": 20761, "end_span_number": 20762}
    }
    assert (Path(values["input_base"]) / "2026-11-05" / "v1" / "reviews.csv").is_file()
    assert values["input_base"] == str(state / "spans")
    assert json.loads(values["train_args"])["num_steps"] == 20
    assert json.loads(values["promotion"]) == {
        "dag_id": "bert_sentiment",
        "run_id": "4d0c",
        "data_date": "2026-11-05",
        "first_day": "2026-11-04",
        "older": "no",
        "actor": "kubeflow",
    }
    assert json.loads(values["push_destination"]) == {
        "filesystem": {"base_directory": str(state / "models" / "bert_sentiment")}
    }


@pytest.mark.usefixtures("state")
def test_at_vertex_ai_what_starts_the_task_has_an_output_of_its_own(tmp_path: Path) -> None:
    document = json.loads(executor_input(tmp_path))
    document["outputs"]["parameters"]["gcp_resources"] = {"outputFile": str(tmp_path / "values" / "gcp_resources")}
    assert run(json.dumps(document)) == 0
    assert {file.name for file in (tmp_path / "values").iterdir()} == set(OUTPUTS)


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"data_date": "5 November"}, "the run of Kubeflow Pipelines cannot be used"),
        ({"train_steps": 20.5}, "the run of Kubeflow Pipelines cannot be used"),
        ({"data_date": "2026-10-01"}, "2026-10-01"),
    ],
)
def test_a_parameter_that_is_not_allowed_fails_and_nothing_is_told(
    changed: dict[str, Any], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(executor_input(tmp_path, **changed)) == 1
    assert told in capsys.readouterr().err
    assert not (tmp_path / "values").exists()


@pytest.mark.usefixtures("state")
def test_an_image_without_the_pipeline_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(executor_input(tmp_path), pipeline="orders") == 1
    assert "the spec is of the pipeline orders, and the image has bert_sentiment" in capsys.readouterr().err


def test_something_else_than_an_executor_input_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("{}") == 1
    assert "allowed: what Kubeflow Pipelines puts in the place of {{$}}" in capsys.readouterr().err
