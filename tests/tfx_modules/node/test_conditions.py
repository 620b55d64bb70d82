"""What runs after a node whose condition does not hold: the same nodes as with TFX's LocalDagRunner."""

import importlib
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from google.protobuf import json_format
from ml_metadata.proto.metadata_store_pb2 import Execution
from tfx import v1 as tfx
from tfx.orchestration.metadata import Metadata

from tests.tfx_modules.node.conftest import Nodes

RUN = {"Number", "ConditionTrue", "MayTakeSkipped", "AfterSkipped", "AfterNeedsSkipped", "ResolverAfterSkipped"}
BY_CONDITION = {"ConditionFalse", "InsideConditionFalse"}
FOR_INPUTS = {
    "NeedsSkipped": "it needs what ConditionFalse would have made, which was skipped in this run",
    "NeedsNeedsSkipped": "it needs what NeedsSkipped would have made, which was skipped in this run",
    "ConditionOnSkipped": "it needs what ConditionFalse would have made, which was skipped in this run",
}


@pytest.fixture(scope="module")
def conditions(module_root: Path) -> ModuleType:
    sys.path.insert(0, str(module_root))
    try:
        return importlib.import_module("conditions_pipeline")
    finally:
        sys.path.remove(str(module_root))


def states_with_local_dag_runner(pipeline: tfx.dsl.Pipeline) -> dict[str, int]:
    """Run a pipeline; return the state of each node's execution by the node's id."""
    tfx.orchestration.LocalDagRunner().run(pipeline)
    with Metadata(pipeline.metadata_connection_config) as handle:
        found = {}
        for context in handle.store.get_contexts_by_type("node"):
            for execution in handle.store.get_executions_by_context(context.id):
                found[context.name.partition(".")[2]] = execution.last_known_state
        return found


@pytest.fixture
def here(nodes: Nodes, conditions: ModuleType, tmp_path: Path) -> Nodes:
    """Runs nodes of the pipeline with conditions."""
    ir = conditions.compile_pipeline(tmp_path)
    path = tmp_path / "conditions.json"
    path.write_text(json.dumps(json_format.MessageToDict(ir, preserving_proto_field_name=True)), encoding="utf-8")
    return replace(nodes, pipeline=path)


def test_the_same_nodes_run_as_with_local_dag_runner(here: Nodes, conditions: ModuleType, tmp_path: Path) -> None:
    ir = json.loads(here.pipeline.read_text(encoding="utf-8"))

    ended = {node: here.run(node) for node in (item["pipeline_node"]["node_info"]["id"] for item in ir["nodes"])}
    theirs = states_with_local_dag_runner(conditions.create_pipeline(tmp_path / "local"))

    assert {node for node, state in theirs.items() if state == Execution.COMPLETE} == RUN
    assert {node for node, each in ended.items() if each.state == "complete"} == RUN
    # LocalDagRunner records failed executions where inputs are lacking, and its run goes on and succeeds.
    assert {node for node, state in theirs.items() if state == Execution.FAILED} == set(FOR_INPUTS)
    skipped = {node: each.reason for node, each in ended.items() if each.state == "skipped"}
    assert skipped == {**dict.fromkeys(BY_CONDITION, "the node's condition does not hold"), **FOR_INPUTS}
    assert all(each.code == 0 for each in ended.values())


def test_a_pipeline_that_is_declared_without_a_cache_uses_none(here: Nodes) -> None:
    states = [here.run("Number", run_id, {"use_cache": True}).state for run_id in ("run-1", "run-2")]

    assert states == ["complete", "complete"]
