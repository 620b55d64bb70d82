"""The Airflow side reads the IR as contract 1 says."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from airflow_bert_service.exceptions import (
    CompiledPipelineError,
)
from airflow_bert_service.pipeline.plan import parse_ir

from tests.support.contracts import (
    faults,
    golden,
    golden_text,
)


def test_the_golden_pipeline_is_read() -> None:
    pipeline_id, nodes = parse_ir(golden_text("compiled_pipeline"), "golden")

    entries = [entry["pipeline_node"] for entry in golden("compiled_pipeline")["nodes"]]
    assert pipeline_id == "bert_sentiment"
    assert [(node.id, node.type, list(node.upstream)) for node in nodes] == [
        (entry["node_info"]["id"], entry["node_info"]["type"]["name"], entry.get("upstream_nodes", []))
        for entry in entries
    ]
    assert {node.id: [parameter.name for parameter in node.parameters] for node in nodes if node.parameters} == {
        "CsvExampleGen": ["holdout", "input_base", "range_config", "span_versions"],
        "Tuner": ["tune"],
        "Trainer": ["holdout", "train_args"],
        "Pusher": ["holdout", "promotion", "push_destination"],
    }


@pytest.mark.parametrize(
    "remove",
    [
        lambda ir: ir.pop("pipeline_info"),
        lambda ir: ir["pipeline_info"].pop("id"),
        lambda ir: ir.pop("nodes"),
        lambda ir: ir["nodes"][1].pop("pipeline_node"),
        lambda ir: ir["nodes"][1]["pipeline_node"].pop("node_info"),
        lambda ir: ir["nodes"][1]["pipeline_node"]["node_info"].pop("id"),
        lambda ir: ir["nodes"][1]["pipeline_node"]["node_info"].pop("type"),
        lambda ir: ir["nodes"][1]["pipeline_node"]["node_info"]["type"].pop("name"),
        lambda ir: _a_parameter(ir).pop("name"),
        lambda ir: _a_parameter(ir).pop("type"),
        lambda ir: _a_parameter(ir).update(type="BOOL"),
    ],
)
def test_a_pipeline_without_a_needed_field_is_refused(remove: Callable[[Any], object]) -> None:
    ir = golden("compiled_pipeline")
    remove(ir)
    assert faults("compiled_pipeline", ir)
    with pytest.raises(CompiledPipelineError, match="golden is not a compiled pipeline"):
        parse_ir(json.dumps(ir), "golden")


def _a_parameter(ir: Any) -> Any:
    return ir["nodes"][1]["pipeline_node"]["parameters"]["parameters"]["holdout"]["runtime_parameter"]


def test_unknown_fields_of_the_ir_are_ignored() -> None:
    ir = golden("compiled_pipeline")
    for value in (ir, ir["pipeline_info"], ir["nodes"][0], ir["nodes"][0]["pipeline_node"], _a_parameter(ir)):
        value["unknown"] = {"more": 1}
    assert faults("compiled_pipeline", ir) == []
    assert parse_ir(json.dumps(ir), "ir") == parse_ir(golden_text("compiled_pipeline"), "golden")
