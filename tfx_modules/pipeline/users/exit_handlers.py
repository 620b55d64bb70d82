"""Has the exit handlers of a user's pipeline run last, however the other nodes have ended."""

from typing import TYPE_CHECKING

from google.protobuf.json_format import MessageToDict
from tfx.orchestration.kubeflow.decorators import FinalStatusStr
from tfx.proto.orchestration import pipeline_pb2

from tfx_modules.exceptions import UnsupportedPipelineError
from tfx_modules.node.ir import FINAL_STATUS, runtime_parameters

if TYPE_CHECKING:
    from tfx.orchestration.pipeline import Pipeline


def with_exit_handlers(ir: pipeline_pb2.Pipeline, pipeline: "Pipeline") -> pipeline_pb2.Pipeline:
    """Return a compiled pipeline whose exit handlers come after all other nodes.

    An exit handler is a component that takes a ``FinalStatusStr`` of ``tfx.orchestration.experimental``. For TFX's
    compiler that is an empty text, and the component a node like any other.

    Args:
        ir: What TFX's compiler has made; it is not changed.
        pipeline: What it was made of.

    Raises:
        UnsupportedPipelineError: A node waits for an exit handler, or has a runtime parameter with the name of theirs.
    """
    _check_name(ir)
    handlers = _handlers(pipeline)
    if not handlers:
        return ir
    made = pipeline_pb2.Pipeline()
    made.CopyFrom(ir)
    del made.nodes[:]
    made.nodes.extend(sorted(ir.nodes, key=lambda item: item.pipeline_node.node_info.id in handlers))
    nodes = [item.pipeline_node for item in made.nodes]
    _check_last(nodes, handlers)
    others = [node for node in nodes if node.node_info.id not in handlers]
    for node in others:
        node.downstream_nodes[:] = [
            *node.downstream_nodes,
            *(name for name in handlers if name not in node.downstream_nodes),
        ]
    for node in nodes[len(others) :]:
        node.upstream_nodes[:] = [other.node_info.id for other in others]
        node.execution_options.strategy = pipeline_pb2.NodeExecutionOptions.ALL_UPSTREAM_NODES_COMPLETED
        node.execution_options.caching_options.enable_cache = False  # it acts, and makes nothing to be taken over
        for name in handlers[node.node_info.id]:
            value = pipeline_pb2.RuntimeParameter(name=FINAL_STATUS, type=pipeline_pb2.RuntimeParameter.STRING)
            node.parameters.parameters[name].runtime_parameter.CopyFrom(value)
    return made


def _handlers(pipeline: "Pipeline") -> dict[str, list[str]]:
    """Return the properties that take the final status, by the id of their node."""
    found = {
        node.id: [name for name, value in node.exec_properties.items() if isinstance(value, FinalStatusStr)]
        for node in pipeline.components
    }
    return {node: names for node, names in found.items() if names}


def _check_name(ir: pipeline_pb2.Pipeline) -> None:
    """Refuse the user's own runtime parameter of the name: it would get the status, and its node be a handler."""
    nodes = [item.pipeline_node for item in ir.nodes]
    fields = {node.node_info.id: MessageToDict(node, preserving_proto_field_name=True) for node in nodes}
    named = {node: {one["name"] for one in runtime_parameters(found)} for node, found in fields.items()}
    if wrong := [node for node, names in named.items() if FINAL_STATUS in names]:
        raise UnsupportedPipelineError(
            f"the runtime parameter {FINAL_STATUS!r} in {', '.join(wrong)} has the name of the one that exit handlers "
            "have; allowed: any other name. Rename it, or give the component a FinalStatusStr."
        )


def _check_last(nodes: list[pipeline_pb2.PipelineNode], handlers: dict[str, list[str]]) -> None:
    waiting = {node.node_info.id: sorted(handlers.keys() & set(node.upstream_nodes)) for node in nodes}
    if wrong := [f"{node} for {', '.join(found)}" for node, found in waiting.items() if found]:
        raise UnsupportedPipelineError(
            f"nodes wait for exit handlers: {'; '.join(wrong)}; allowed: exit handlers, which take a FinalStatusStr, "
            "as the last nodes. Take no output of theirs, or give the component no FinalStatusStr."
        )
