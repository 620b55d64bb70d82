"""What runs on Kubeflow Pipelines leave for later runs, beside the folder that servers watch."""

import json
from pathlib import Path

import pytest
from tfx.types import Artifact, standard_artifacts

from tfx_modules.kubeflow.earlier_runs import EarlierRunsExecutor, KeepExecutor, Kept
from tfx_modules.promotion import current
from tfx_modules.promotion.repository import ModelRepository

SEARCHED_FOR = '{"encoder": "some", "task": ["binary", "bad", "good"]}'


@pytest.fixture
def served(tmp_path: Path) -> Path:
    return tmp_path / "models" / "bert_sentiment"


def folder(path: Path, name: str, text: str) -> Path:
    path.mkdir(parents=True)
    (path / name).write_text(text)
    return path


def artifact(kind: type[Artifact], uri: Path) -> Artifact:
    made = kind()
    made.uri = str(uri)
    return made


def keep(served: Path, run: Path, version: int | None, *, tuned: bool, searched_for: str = SEARCHED_FOR) -> None:
    """Run the executor with what a run has made."""
    pushed = artifact(standard_artifacts.PushedModel, run / "pushed")
    pushed.set_int_custom_property("pushed", int(version is not None))
    pushed.set_string_custom_property("pushed_version", str(version or ""))
    statistics = artifact(
        standard_artifacts.ExampleStatistics, folder(run / "statistics", "days.json", f"days of {run.name}")
    )
    statistics.split_names = '["train", "eval"]'
    found = artifact(standard_artifacts.HyperParameters, folder(run / "found", "best.txt", f"found by {run.name}"))
    found.set_int_custom_property("tuned", int(tuned))
    inputs = {"pushed_model": [pushed], "statistics": [statistics], "hyperparameters": [found]}
    KeepExecutor().Do(inputs, {}, {"push_destination": _destination(served), "searched_for": searched_for})


def _destination(served: Path) -> str:
    return json.dumps({"filesystem": {"base_directory": str(served)}})


def test_the_statistics_of_a_promoted_version_and_a_search_s_hyperparameters_are_kept(
    tmp_path: Path, served: Path
) -> None:
    (served / "2026110501").mkdir(parents=True)
    keep(served, tmp_path / "first", 2026110501, tuned=True)
    keep(served, tmp_path / "second", None, tuned=False)
    kept = Kept(ModelRepository(served))
    assert (kept.statistics(2026110501) / "days.json").read_text() == "days of first"
    assert (kept.statistics(2026110501) / "split_names").read_text() == '["train", "eval"]'
    assert (kept.hyperparameters(SEARCHED_FOR) / "best.txt").read_text() == "found by first"


def test_a_run_gets_the_hyperparameters_that_were_found_for_its_encoder_and_task(tmp_path: Path, served: Path) -> None:
    for name in ("one", "other"):
        keep(served, tmp_path / name, None, tuned=True, searched_for=name)
    (tmp_path / "ledger").mkdir()
    for name in ("one", "other", "a third"):
        outputs = {"model": [artifact(standard_artifacts.Model, tmp_path / name / "model")]}
        outputs["statistics"] = [artifact(standard_artifacts.ExampleStatistics, tmp_path / name / "days")]
        outputs["hyperparameters"] = [artifact(standard_artifacts.HyperParameters, tmp_path / name / "best")]
        with current.using(f"sqlite:///{tmp_path}/ledger/ledger.db", "bert_sentiment"):
            EarlierRunsExecutor().Do({}, outputs, {"push_destination": _destination(served), "searched_for": name})
        found = {file.name: file.read_text() for file in (tmp_path / name / "best").iterdir()}
        assert found == ({"absent": "There was none.\n"} if name == "a third" else {"best.txt": f"found by {name}"})


def test_a_task_that_runs_again_replaces_what_it_has_kept(tmp_path: Path, served: Path) -> None:
    (served / "2026110501").mkdir(parents=True)
    keep(served, tmp_path / "first", 2026110501, tuned=True)
    keep(served, tmp_path / "again", 2026110501, tuned=True)
    kept = served.with_name("bert_sentiment.kept")
    assert (kept / "statistics" / "2026110501" / "days.json").read_text() == "days of again"
    assert sorted(path.name for path in kept.iterdir()) == ["hyperparameters", "statistics"]
    assert [path.name for path in (kept / "statistics").iterdir()] == ["2026110501"]


def test_the_statistics_of_versions_that_were_removed_go_too(tmp_path: Path, served: Path) -> None:
    (served / "2026110501").mkdir(parents=True)
    keep(served, tmp_path / "first", 2026110501, tuned=False)
    (served / "2026110501").rmdir()
    (served / "2026110601").mkdir()
    keep(served, tmp_path / "second", 2026110601, tuned=False)
    kept = Kept(ModelRepository(served))
    assert not kept.statistics(2026110501).exists()
    assert kept.statistics(2026110601).exists()


def test_where_nothing_is_in_service_each_output_stands_for_none(tmp_path: Path, served: Path) -> None:
    kinds = {
        "model": standard_artifacts.Model,
        "statistics": standard_artifacts.ExampleStatistics,
        "hyperparameters": standard_artifacts.HyperParameters,
    }
    outputs = {name: [artifact(kind, tmp_path / "run" / name)] for name, kind in kinds.items()}
    (tmp_path / "ledger").mkdir()
    with current.using(f"sqlite:///{tmp_path}/ledger/ledger.db", "bert_sentiment"):
        EarlierRunsExecutor().Do({}, outputs, {"push_destination": _destination(served), "searched_for": SEARCHED_FOR})
    for name, (made,) in outputs.items():
        assert made.get_int_custom_property("absent") == 1
        # The launcher of Kubeflow Pipelines uploads a folder that has a file.
        assert (tmp_path / "run" / name / "absent").is_file()
