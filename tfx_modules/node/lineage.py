"""Reads a node's executions from ML Metadata."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from ml_metadata.proto.metadata_store_pb2 import Event, Execution
from tfx.dsl.compiler import constants
from tfx.orchestration.metadata import Metadata
from tfx.orchestration.portable.mlmd import context_lib, event_lib, execution_lib
from tfx.proto.orchestration import execution_result_pb2, pipeline_pb2

from tfx_modules.node.ir import class_paths_of
from tfx_modules.node.outcome import Artifact

_OUTPUT_EVENTS = frozenset({Event.OUTPUT, Event.INTERNAL_OUTPUT})
_INPUT_EVENTS = frozenset({Event.INPUT, Event.INTERNAL_INPUT})
_NODE_CONTEXT = constants.NODE_CONTEXT_TYPE_NAME
_RESULT_PROPERTY = "__execution_result__"  # where TFX's execution_lib puts it

Artifacts = Mapping[str, tuple[Artifact, ...]]


@dataclass(frozen=True)
class ExecutionRecord:
    """An execution with its artifacts."""

    id: int
    state: int
    """``Execution.State`` of ML Metadata."""
    error: str
    """What TFX recorded of a failure without an exception, with its traceback; else empty."""
    inputs: Artifacts
    outputs: Artifacts
    texts: Mapping[str, str]
    """The execution properties that are texts, as JSON documents are."""

    @property
    def succeeded(self) -> bool:
        """Whether its outputs can be used."""
        return self.state in (Execution.COMPLETE, Execution.CACHED)

    @property
    def cached(self) -> bool:
        """Whether its outputs were made by an earlier execution."""
        return bool(self.state == Execution.CACHED)


class Lineage:
    """Reads executions of a metadata store; it opens the store anew for each question, and changes nothing in it."""

    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata

    def of_run(self, node: pipeline_pb2.PipelineNode) -> ExecutionRecord | None:
        """Return the node's execution in its run: the one that succeeded, else the newest, else None."""
        with self._metadata as handle:
            contexts = context_lib.prepare_contexts(metadata_handle=handle, node_contexts=node.contexts)
            executions = execution_lib.get_executions_associated_with_all_contexts(handle, contexts)
            if not executions:
                return None
            best = max(executions, key=lambda item: (execution_lib.is_execution_successful(item), item.id))
            return _record(handle.store, best)

    def successes(self, node: pipeline_pb2.PipelineNode) -> int:
        """Return how often the node has succeeded in its run."""
        with self._metadata as handle:
            contexts = context_lib.prepare_contexts(metadata_handle=handle, node_contexts=node.contexts)
            executions = execution_lib.get_executions_associated_with_all_contexts(handle, contexts)
            return sum(map(execution_lib.is_execution_successful, executions))

    def of_id(self, number: int) -> ExecutionRecord:
        """Return an execution by its id in ML Metadata."""
        with self._metadata as handle:
            (execution,) = handle.store.get_executions_by_id([number])
            return _record(handle.store, execution)

    def nodes_of_run(self, node: pipeline_pb2.PipelineNode, known: Collection[str]) -> dict[str, ExecutionRecord]:
        """Return the executions of the node's run that succeeded, of each component the newest.

        Args:
            node: with the contexts of its run. Runs of other pipelines in the same store may have the same name.
            known: the components that are looked for, as paths of their classes.

        Returns:
            The executions by the first of the known classes that the component's class is or is derived from.
        """
        of_run = pipeline_pb2.NodeContexts(
            contexts=[item for item in node.contexts.contexts if item.type.name != _NODE_CONTEXT]
        )
        with self._metadata as handle:
            contexts = context_lib.prepare_contexts(metadata_handle=handle, node_contexts=of_run)
            executions = execution_lib.get_executions_associated_with_all_contexts(handle, contexts)
            good = sorted(filter(execution_lib.is_execution_successful, executions), key=lambda item: item.id)
            types = handle.store.get_execution_types_by_id(sorted({item.type_id for item in good})) if good else []
            kinds = {item.id: _first_known(item.name, known) for item in types}
            newest = {kind: item for item in good if (kind := kinds[item.type_id])}
            return {kind: _record(handle.store, item) for kind, item in newest.items()}


def _first_known(path: str, known: Collection[str]) -> str | None:
    if path in known:
        return path  # without an import
    return next((found for found in class_paths_of(path) if found in known), None)


def _record(store: MetadataStore, execution: Execution) -> ExecutionRecord:
    events = store.get_events_by_execution_ids([execution.id])
    artifacts = _artifacts(store, sorted({event.artifact_id for event in events}))
    return ExecutionRecord(
        id=execution.id,
        state=execution.last_known_state,
        error=_error(execution),
        inputs=_by_key([event for event in events if event.type in _INPUT_EVENTS], artifacts),
        outputs=_by_key([event for event in events if event.type in _OUTPUT_EVENTS], artifacts),
        texts=_texts(execution),
    )


def _texts(execution: Execution) -> dict[str, str]:
    values = {**execution.properties, **execution.custom_properties}
    found = {name: value.string_value for name, value in values.items() if value.WhichOneof("value") == "string_value"}
    return {name: text for name, text in sorted(found.items()) if not name.startswith("__")}


def _artifacts(store: MetadataStore, ids: Sequence[int]) -> dict[int, Artifact]:
    found = store.get_artifacts_by_id(ids)
    types = {item.id: item.name for item in store.get_artifact_types_by_id(sorted({item.type_id for item in found}))}
    return {item.id: Artifact(item.id, types[item.type_id], item.uri, _properties(item)) for item in found}


def _properties(artifact: metadata_store_pb2.Artifact) -> dict[str, Any]:
    both = {**artifact.properties, **artifact.custom_properties}
    return {name: _value(value) for name, value in sorted(both.items())}


def _value(value: metadata_store_pb2.Value) -> Any:
    content = getattr(value, value.WhichOneof("value"))
    return json_format.MessageToDict(content) if isinstance(content, Message) else content


def _by_key(events: Sequence[Event], artifacts: Mapping[int, Artifact]) -> dict[str, tuple[Artifact, ...]]:
    ids = event_lib.reconstruct_artifact_id_multimap(events)
    return {key: tuple(artifacts[item] for item in ids[key]) for key in sorted(ids)}


def _error(execution: Execution) -> str:
    if _RESULT_PROPERTY not in execution.custom_properties:
        return ""
    result = execution_result_pb2.ExecutionResult()
    json_format.Parse(execution.custom_properties[_RESULT_PROPERTY].string_value, result)
    return str(result.result_message)
