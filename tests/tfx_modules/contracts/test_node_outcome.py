"""The TFX side writes outcomes as contract 3 says."""

import json
from pathlib import Path

import pytest

from tests.support.contracts import (
    faults,
    golden,
)
from tfx_modules.node.outcome import Artifact, NodeState, Outcome


def test_an_outcome_is_written(tmp_path: Path) -> None:
    document = golden("node_outcome")
    outputs = {key: tuple(Artifact(**artifact) for artifact in found) for key, found in document["outputs"].items()}
    outcome = Outcome(document["node"], NodeState(document["state"]), document["execution_id"], outputs)

    outcome.write(tmp_path / "outcome.json")

    assert json.loads((tmp_path / "outcome.json").read_text(encoding="utf-8")) == document


@pytest.mark.parametrize("state", NodeState)
def test_an_outcome_of_every_state_is_valid(tmp_path: Path, state: NodeState) -> None:
    Outcome("Trainer", state, reason="why").write(tmp_path / "outcome.json")
    assert faults("node_outcome", json.loads((tmp_path / "outcome.json").read_text(encoding="utf-8"))) == []
