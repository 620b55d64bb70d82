"""The Airflow side reads outcomes as contract 3 says."""

import json
from pathlib import Path

import pytest
from airflow_bert_service.exceptions import (
    OutcomeError,
)
from airflow_bert_service.nodes.outcome import NodeState, read_outcome
from airflow_bert_service.nodes.request import GpuUse

from tests.support.contracts import (
    FOLDER,
    golden,
    schema,
    with_an_unknown_field,
    without_each_field,
)


def test_the_golden_outcome_is_read() -> None:
    expected = golden("node_outcome")

    outcome = read_outcome(FOLDER / "node_outcome.golden.json", "Pusher")

    assert {"format": 1, **outcome.to_xcom()} == expected


def test_the_states_of_an_outcome_are_those_of_the_schema() -> None:
    assert {state.value for state in NodeState} == set(schema("node_outcome")["properties"]["state"]["enum"])
    assert {use.value for use in GpuUse} == set(schema("node_request")["properties"]["gpu"]["enum"])


def test_an_outcome_without_a_field_is_refused_and_an_unknown_field_is_ignored(tmp_path: Path) -> None:
    path, document = tmp_path / "outcome.json", golden("node_outcome")
    for name, changed in without_each_field(document).items():
        path.write_text(json.dumps(changed), encoding="utf-8")
        with pytest.raises(OutcomeError, match=rf"is not an outcome \(KeyError: '{name}'\)"):
            read_outcome(path, "Pusher")
    path.write_text(json.dumps(with_an_unknown_field(document)), encoding="utf-8")
    assert read_outcome(path, "Pusher") == read_outcome(FOLDER / "node_outcome.golden.json", "Pusher")
