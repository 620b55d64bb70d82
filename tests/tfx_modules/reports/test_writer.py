"""Nodes that have ended get their page, and none fails for it."""

import json
import logging
from pathlib import Path

import pytest

from tests.tfx_modules.reports.made_up import Made, folder, record
from tfx_modules.reports import writer

TUNER = ("users.OwnTuner", "tfx_modules.components.tuner.Tuner", "tfx.components.tuner.component.Tuner")
CONFIG = json.dumps({"tuning": {"trials": 3}, "training": {}})
GOLDEN = Path(__file__).parents[1] / "golden" / "bert_sentiment.json"


def outputs(place: Path) -> dict[str, Made]:
    best, results = folder(place, "best"), folder(place, "results")
    (best / "best_hyperparameters.txt").write_text('{"space": [], "values": {}}')
    (results / "tuner_results.json").write_text("[]")
    return {"best_hyperparameters": Made(str(best)), "tuner_results": Made(str(results))}


def test_a_page_is_written_beside_the_output_and_stays(tmp_path: Path) -> None:
    made = record(outputs(tmp_path), parameters={"custom_config": CONFIG})
    writer.write(TUNER, made)
    page = tmp_path / "results" / "report.html"
    assert "did not search" in page.read_text(encoding="utf-8")
    assert '<meta name="pipeline" content="tiny">' in page.read_text(encoding="utf-8")
    page.write_text("as it was")
    writer.write(TUNER, made)
    assert page.read_text() == "as it was", "a node whose outputs are from the cache has the page of then"


def test_an_empty_page_that_a_power_failure_has_left_is_written_again(tmp_path: Path) -> None:
    made = record(outputs(tmp_path), parameters={"custom_config": CONFIG})
    (tmp_path / "results" / "report.html").touch()
    writer.write(TUNER, made)
    assert "did not search" in (tmp_path / "results" / "report.html").read_text(encoding="utf-8")


def test_a_page_that_cannot_be_made_is_logged_and_fails_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = record(outputs(tmp_path), parameters={"custom_config": "{}"})
    writer.write(TUNER, made)
    assert not (tmp_path / "results" / "report.html").exists()
    (logged,) = [found for found in caplog.records if found.levelno == logging.ERROR]
    assert logged.message == "the node has succeeded, but its report was not written"
    assert logged.exc_info


def test_other_components_have_no_page(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    writer.write(("tfx.components.trainer.component.Trainer",), record({}))
    assert not list(tmp_path.iterdir())
    assert not caplog.records


def test_every_page_is_of_a_component_and_an_output_of_the_pipeline() -> None:
    nodes = [item["pipeline_node"] for item in json.loads(GOLDEN.read_text(encoding="utf-8"))["nodes"]]
    found = {node["node_info"]["type"]["name"]: set(node.get("outputs", {}).get("outputs", ())) for node in nodes}
    pages = {kind: page()[0] for kind, page in writer.PAGES.items()}
    assert len(pages) == 4
    assert {kind: output for kind, output in pages.items() if output not in found.get(kind, ())} == {}
