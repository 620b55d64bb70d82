from pathlib import Path
from typing import Any

import pytest

from tests.tfx_modules.node.conftest import Ended, Nodes


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


def _judge(nodes: Nodes, accuracy: float, served: int) -> tuple[Ended, Ended, Ended]:
    nodes.run("Writer", text="model")
    nodes.run("Reader")
    evaluated = nodes.run("Evaluator", accuracy=accuracy, baseline=0)
    validated = nodes.run("InfraValidator", served=served)
    return evaluated, validated, nodes.run("Pusher", push_destination=_destination(nodes.state))


def _destination(state: Path) -> str:
    return '{"filesystem": {"base_directory": "%s"}}' % (state / "served")


def test_a_model_that_is_blessed_twice_is_pushed(nodes: Nodes) -> None:
    evaluated, validated, pushed = _judge(nodes, accuracy=0.91, served=1)

    assert (evaluated.state, evaluated.reason) == ("complete", "blessed: accuracy 0.910 (no baseline)")
    assert (validated.state, validated.reason) == ("complete", "")
    assert (pushed.code, pushed.state, pushed.reason) == (0, "complete", "")
    assert list((nodes.state / "served").glob("*/saved_model.pb"))


def test_a_model_that_was_compared_with_a_baseline_is_told_without_further_words(nodes: Nodes) -> None:
    nodes.run("Writer", text="model")
    nodes.run("Reader")

    assert nodes.run("Evaluator", accuracy=0.91, baseline=3).reason == "blessed: accuracy 0.910"


@pytest.mark.parametrize(
    ("accuracy", "served", "reason"),
    [
        (0.612, 1, "not pushed: model not blessed: accuracy 0.612 < floor 0.700"),
        (0.91, 0, "not pushed: model not blessed: the exported model could not be served"),
        (0.612, 0, "not pushed: model not blessed: accuracy 0.612 < floor 0.700; not blessed: the exported model"),
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
    *_, pushed = _judge(nodes, accuracy=0.6, served=1)

    again = nodes.run("Pusher", push_destination=_destination(nodes.state))

    assert (again.state, again.reason) == ("skipped", pushed.reason)


def test_the_numbers_are_found_where_the_evaluation_came_from_the_cache(nodes: Nodes) -> None:
    _judge(nodes, accuracy=0.6, served=1)
    steps: list[tuple[str, dict[str, Any]]] = [
        ("Writer", {"text": "model"}),
        ("Reader", {}),
        ("Evaluator", {"accuracy": 0.6, "baseline": 0}),
        ("InfraValidator", {"served": 1}),
    ]
    states = [nodes.run(node, "run-2", **parameters).state for node, parameters in steps]

    pushed = nodes.run("Pusher", "run-2", push_destination=_destination(nodes.state))

    assert states == ["cached"] * 4
    assert pushed.reason == "not pushed: model not blessed: accuracy 0.600 < floor 0.700"
