"""The compiled pipeline has what contract 1 promises to the Airflow side."""

import json
from typing import Any

from google.protobuf import json_format
from tfx.proto.orchestration import pipeline_pb2

from tests.support.contracts import (
    faults,
    golden,
)
from tfx_modules.pipeline import compile as compiling


def test_the_compiled_pipeline_has_what_the_airflow_side_reads() -> None:
    ir = json.loads(compiling.to_json(compiling.compile_pipeline(compiling.SETTINGS)))

    assert faults("compiled_pipeline", ir) == []
    assert _read_by_the_airflow_side(ir) == golden("compiled_pipeline")


def _read_by_the_airflow_side(ir: Any) -> Any:
    """The part of an IR that the golden document has: ids, types, order, and the parameters that a run gives."""
    nodes = [{"pipeline_node": _node(entry["pipeline_node"])} for entry in ir["nodes"]]
    return {"nodes": nodes, "pipeline_info": {"id": ir["pipeline_info"]["id"]}}


def _node(node: Any) -> Any:
    info = node["node_info"]
    upstream = {"upstream_nodes": node["upstream_nodes"]} if "upstream_nodes" in node else {}
    return {"node_info": {"id": info["id"], "type": {"name": info["type"]["name"]}}, **upstream, **_parameters(node)}


def _parameters(value: Any) -> Any:
    """What is left of a value when all but runtime parameters that are not TFX's own is taken away."""
    if isinstance(value, list):
        return [kept for kept in map(_parameters, value) if kept]
    if not isinstance(value, dict):
        return None
    if parameter := value.get("runtime_parameter"):
        return None if parameter["name"].startswith("pipeline-") else {"runtime_parameter": parameter}
    return {name: kept for name, kept in ((name, _parameters(inner)) for name, inner in value.items()) if kept}


def test_tfx_reads_the_golden_pipeline() -> None:
    pipeline = json_format.ParseDict(golden("compiled_pipeline"), pipeline_pb2.Pipeline())
    assert pipeline.pipeline_info.id == "bert_sentiment"
    assert [node.WhichOneof("node") for node in pipeline.nodes] == ["pipeline_node"] * len(pipeline.nodes)
