"""Reading of a run's nodes from ML Metadata, as TFX writes them there."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2 as proto
from tfx.orchestration.metadata import Metadata
from tfx.proto.orchestration import pipeline_pb2

from tfx_modules.components.schema_gen import SchemaGen
from tfx_modules.node.connection import connection_config
from tfx_modules.node.lineage import Lineage
from tfx_modules.node.store import metadata_of

SCHEMA_GEN = "tfx_modules.components.schema_gen.SchemaGen"
TRAINER = "tfx_modules.components.trainer.Trainer"


class OwnSchemaGen(SchemaGen):
    """A user's component, derived from the project's."""


OWN = f"{OwnSchemaGen.__module__}.{OwnSchemaGen.__qualname__}"


@pytest.fixture
def metadata(tmp_path: Path) -> Metadata:
    return metadata_of(connection_config(f"sqlite:///{tmp_path}/mlmd.db"), 10)


def contexts(pipeline: str, run: str, node: str) -> Mapping[str, str]:
    return {"pipeline": pipeline, "pipeline_run": run, "node": f"{pipeline}.{node}"}


def succeed(metadata: Metadata, pipeline: str, kind: str, run: str = "scheduled__2026-11-05") -> int:
    """Record an execution of a component that succeeded; return its id."""
    with metadata as handle:
        store = handle.store
        execution = proto.Execution(
            type_id=store.put_execution_type(proto.ExecutionType(name=kind)), last_known_state=proto.Execution.COMPLETE
        )
        found = [
            proto.Context(type_id=store.put_context_type(proto.ContextType(name=name)), name=value)
            for name, value in contexts(pipeline, run, kind.rpartition(".")[2]).items()
        ]
        execution_id, _, _ = store.put_execution(execution, [], found, reuse_context_if_already_exist=True)
        return int(execution_id)


def node(pipeline: str, run: str = "scheduled__2026-11-05") -> pipeline_pb2.PipelineNode:
    """The Pusher of a run, as it is bound."""
    made = pipeline_pb2.PipelineNode()
    for kind, name in contexts(pipeline, run, "Pusher").items():
        context = made.contexts.contexts.add()
        context.type.name, context.name.field_value.string_value = kind, name
    return made


def nodes_of(metadata: Metadata, pipeline: str) -> dict[str, int]:
    found = Lineage(metadata).nodes_of_run(node(pipeline), {SCHEMA_GEN, TRAINER})
    return {kind: execution.id for kind, execution in found.items()}


def test_a_run_of_another_pipeline_with_the_same_id_is_another_run(metadata: Metadata) -> None:
    ours = {kind: succeed(metadata, "reviews", kind) for kind in (SCHEMA_GEN, TRAINER)}
    theirs = succeed(metadata, "films", SCHEMA_GEN)
    succeed(metadata, "reviews", TRAINER, run="scheduled__2026-11-06")

    assert nodes_of(metadata, "reviews") == ours
    assert nodes_of(metadata, "films") == {SCHEMA_GEN: theirs}
    assert nodes_of(metadata, "books") == {}


def test_a_derived_component_counts_as_the_one_that_is_known(
    metadata: Metadata, caplog: pytest.LogCaptureFixture
) -> None:
    derived = succeed(metadata, "reviews", OWN)
    succeed(metadata, "reviews", "tfx.components.transform.component.Transform")
    succeed(metadata, "reviews", "somewhere.else.Component")

    assert nodes_of(metadata, "reviews") == {SCHEMA_GEN: derived}
    assert "class somewhere.else.Component cannot be imported" in caplog.text


def test_of_two_executions_of_a_component_the_newest_counts(metadata: Metadata) -> None:
    succeed(metadata, "reviews", OWN)
    newest = succeed(metadata, "reviews", SCHEMA_GEN)

    assert nodes_of(metadata, "reviews") == {SCHEMA_GEN: newest}
