import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.tfx_modules.node.conftest import Ended, Nodes
from tests.tfx_modules.node.pushing import push, train
from tfx_modules.promotion import manifest
from tfx_modules.promotion.ledger import open_ledger


def _validate(nodes: Nodes, run_id: str, words: str) -> Ended:
    nodes.run("Measure", run_id, words=words)
    nodes.run("ImportSchemaGen", run_id)
    nodes.run("ChampionStatistics", run_id)
    return nodes.run("ExampleValidator", run_id)


def test_data_without_anomalies_passes(nodes: Nodes) -> None:
    ended = _validate(nodes, "run-1", "good bad good")

    assert (ended.code, ended.state, ended.reason) == (0, "complete", "")


def test_anomalies_block_the_run_with_their_features_named(nodes: Nodes) -> None:
    ended = _validate(nodes, "run-1", "good bad awful")

    assert (ended.code, ended.state) == (1, "blocked")
    assert ended.reason.startswith("blocked: word: Examples contain values missing from the schema: awful")
    assert "\n" not in ended.reason


def test_anomalies_block_however_often_the_node_is_run_and_from_the_cache_too(nodes: Nodes) -> None:
    first = _validate(nodes, "run-1", "good bad awful")

    again = nodes.run("ExampleValidator", "run-1")
    later = _validate(nodes, "run-2", "good bad awful")

    assert [each.state for each in (again, later)] == ["blocked", "blocked"]
    assert first.reason == again.reason == later.reason


def test_a_component_that_is_derived_from_a_gate_is_one(nodes: Nodes) -> None:
    _validate(nodes, "run-1", "good bad awful")

    assert nodes.run("DerivedValidator", "run-1").state == "blocked"


def test_tfx_own_example_validator_is_no_gate(nodes: Nodes) -> None:
    _validate(nodes, "run-1", "good bad awful")

    ended = nodes.run("StockExampleValidator")

    # As with TFX's LocalDagRunner: the anomalies are in its artifact, and the run goes on.
    assert (ended.code, ended.state, ended.reason) == (0, "complete", "")
    (anomalies,) = ended.outputs["anomalies"]
    assert (Path(anomalies["uri"]) / "Split-train" / "SchemaDiff.pb").read_bytes()


def _judge(nodes: Nodes, accuracy: float, served: int) -> tuple[Ended, Ended, Ended]:
    *_, evaluated, validated = train(nodes, accuracy=accuracy, served=served)
    return evaluated, validated, push(nodes)


def test_a_model_that_is_blessed_twice_is_promoted(nodes: Nodes) -> None:
    *_, evaluated, validated = train(nodes)
    asked = push(nodes, node="Approval")

    # A person can be asked about it; nothing is recorded or promoted by that.
    reason = "accuracy 1.000 on the eval split, judged by the floors alone"
    assert (asked.code, asked.state, asked.reason) == (0, "complete", f"asks for approval; promoted: {reason}")
    ((proposal,),) = asked.outputs.values()
    assert (proposal["properties"]["asks"], proposal["properties"]["verdict"]) == (1, "promoted")
    told = json.loads(proposal["properties"]["proposal"])
    assert (told["run_id"], told["data_date"], told["champion"], told["reason"]) == (
        "run-1",
        "2026-11-05",
        None,
        reason,
    )
    assert told["metrics"]["sets"][0]["accuracy"] == 1.0
    assert not open_ledger(f"sqlite:///{nodes.state}/ledger/ledger.db", "tiny").events()
    assert not (nodes.state / "served").exists()

    pushed = push(nodes)

    assert (evaluated.state, evaluated.reason) == ("complete", "blessed: accuracy 0.910 (no baseline)")
    assert (validated.state, validated.reason) == ("complete", "")
    assert (pushed.code, pushed.state) == (0, "complete")
    assert pushed.reason == "promoted: accuracy 1.000 on the eval split, judged by the floors alone"
    (model,) = pushed.outputs["pushed_model"]
    assert model["properties"]["pushed_version"] == "2026110501"
    assert (nodes.state / "served" / "2026110501" / "saved_model.pb").exists()


def without_artifact(page: str) -> str:
    """Leave out where the pushed model's artifact is, which differs from node to node."""
    return re.sub(r"\w+/pushed_model/\d+", "", page)


def test_a_derived_pusher_has_a_model_card_as_the_project_s_has(nodes: Nodes) -> None:
    train(nodes)
    told = push(nodes).log
    card = nodes.state / "served.cards" / "2026110501.html"
    page = card.read_text(encoding="utf-8")
    card.unlink()

    told += push(nodes, node="DerivedPusher").log

    assert without_artifact(card.read_text(encoding="utf-8")) == without_artifact(page)
    assert '<meta name="pipeline" content="tiny">' in page
    assert not [line for line in told if "was not written" in line and "card" in line]


@pytest.mark.parametrize(("accuracy", "pushed"), [(0.91, 1), (0.612, 0)])
def test_tfx_own_pusher_pushes_by_the_blessing_and_knows_no_ledger(nodes: Nodes, accuracy: float, pushed: int) -> None:
    train(nodes, accuracy=accuracy)
    destination = {"filesystem": {"base_directory": str(nodes.state / "served")}}

    ended = nodes.run("StockPusher", push_destination=json.dumps(destination))

    assert (ended.code, ended.state, ended.reason) == (0, "complete", "")
    assert ended.outputs["pushed_model"][0]["properties"]["pushed"] == pushed
    assert len(list((nodes.state / "served").glob("*/saved_model.pb"))) == pushed
    assert not (nodes.state / "ledger" / "ledger.db").exists()


def test_a_model_that_was_compared_with_a_baseline_is_told_without_further_words(nodes: Nodes) -> None:
    nodes.run("Writer", text="model")
    nodes.run("Reader")

    assert nodes.run("Evaluator", accuracy=0.91, baseline=3).reason == "blessed: accuracy 0.910"


@pytest.mark.parametrize(
    ("accuracy", "served", "reason"),
    [
        (0.612, 1, "blocked: accuracy 0.612 < floor 0.700"),
        (0.91, 0, "blocked: the exported model could not be served"),
        (0.612, 0, "blocked: accuracy 0.612 < floor 0.700; the exported model could not be served"),
    ],
)
def test_a_model_that_lacks_a_blessing_is_not_pushed_and_the_reason_says_why(
    nodes: Nodes, accuracy: float, served: int, reason: str
) -> None:
    evaluated, validated, pushed = _judge(nodes, accuracy, served)

    # A gate that does not bless has done its work; the run goes on to the Pusher.
    assert (evaluated.state, validated.state) == ("complete", "complete")
    assert (evaluated.reason.startswith("not blessed"), bool(validated.reason)) == (accuracy < 0.7, not served)
    assert (pushed.code, pushed.state) == (0, "skipped")
    assert pushed.reason.startswith(reason)
    assert not (nodes.state / "served").exists()


def test_a_push_that_was_skipped_is_skipped_again(nodes: Nodes) -> None:
    train(nodes, accuracy=0.6)
    asked = push(nodes, node="Approval")
    pushed = push(nodes)

    again = push(nodes)

    # Nobody is asked about it.
    assert (asked.code, asked.state, asked.reason) == (
        0,
        "complete",
        "asks nobody; blocked: accuracy 0.600 < floor 0.700",
    )

    assert (again.state, again.reason) == ("skipped", pushed.reason)


def test_the_numbers_are_found_where_the_evaluation_came_from_the_cache(nodes: Nodes) -> None:
    _judge(nodes, accuracy=0.6, served=1)

    states = [ended.state for ended in train(nodes, "run-2", accuracy=0.6)]

    assert states == ["cached"] * 5
    assert push(nodes, "run-2").reason == "blocked: accuracy 0.600 < floor 0.700"


def test_a_push_is_never_taken_from_the_cache(nodes: Nodes) -> None:
    _judge(nodes, accuracy=0.91, served=1)
    train(nodes, "run-2", accuracy=0.91)

    pushed = push(nodes, "run-2")

    assert pushed.state == "skipped"
    assert pushed.reason == "unchanged: the model is the same, byte for byte, as 2026110501, which is in service"


def test_the_model_in_service_is_the_baseline_and_not_the_one_blessed_last(nodes: Nodes) -> None:
    _judge(nodes, accuracy=0.91, served=1)
    served = nodes.run("Champion").outputs["model"]
    train(nodes, "run-2", accuracy=0.95, text="newer")
    pushed = push(nodes, "run-2", day=4)

    assert pushed.reason == (
        "superseded: data date 2026-11-04 is before 2026-11-05 of 2026110501 in service; accuracy 1.000 vs 1.000 of "
        "2026110501 on the eval split, no difference (p = 1)"
    )
    assert len(served) == 1
    assert nodes.run("Champion", "run-3").outputs["model"] == served


def test_before_a_model_is_promoted_there_is_no_baseline(nodes: Nodes) -> None:
    nodes.run("Writer", text="model")
    nodes.run("Reader")

    assert nodes.run("Champion").outputs == {}


def test_a_model_that_was_changed_since_it_was_promoted_is_no_baseline(nodes: Nodes) -> None:
    _judge(nodes, accuracy=0.91, served=1)
    (promoted,) = open_ledger(f"sqlite:///{nodes.state}/ledger/ledger.db", "tiny").events()
    (Path(promoted.model_uri) / "more").write_text("a file that was not promoted")

    assert nodes.run("Champion", "run-2").outputs == {}


def test_a_version_in_service_without_its_manifest_blocks_the_push(nodes: Nodes) -> None:
    _judge(nodes, accuracy=0.91, served=1)
    (nodes.state / "served" / "2026110501" / manifest.PLACE).unlink()
    train(nodes, "run-2", accuracy=0.95, text="newer")

    pushed = push(nodes, "run-2", day=6)

    assert pushed.state == "skipped"
    assert pushed.reason.startswith("blocked: the version in service, 2026110501, is damaged, and no model is compared")
    assert "has no manifest assets.extra/manifest.json, with which it was promoted" in pushed.reason


@pytest.mark.parametrize("changes", [{"older": "perhaps"}, {"data_date": "yesterday"}, {"colour": "blue"}])
def test_a_run_that_does_not_say_what_it_is_about_is_refused(nodes: Nodes, changes: dict[str, Any]) -> None:
    train(nodes, "run-1", accuracy=0.9)

    pushed = push(nodes, **changes)

    assert pushed.state == "failed"
    assert "parameter promotion is" in pushed.reason
    assert "allowed: a JSON object of the texts dag_id, run_id" in pushed.reason
