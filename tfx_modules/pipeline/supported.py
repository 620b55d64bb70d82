"""Refuses, when a pipeline is compiled, what this project's runner cannot run."""

from collections.abc import Iterator

from google.protobuf.message import Message
from tfx.proto.orchestration import executable_spec_pb2, pipeline_pb2

from tfx_modules.exceptions import UnsupportedPipelineError

_Options = pipeline_pb2.NodeExecutionOptions
_STRATEGIES = frozenset(
    {
        _Options.TRIGGER_STRATEGY_UNSPECIFIED,
        _Options.ALL_UPSTREAM_NODES_SUCCEEDED,
        _Options.ALL_UPSTREAM_NODES_COMPLETED,
    }
)
_OPTIONS = frozenset({"caching_options", "strategy", "max_execution_retries", "execution_timeout_sec"})
"""Execution options that are read: by the node command, and by the Airflow side's ``pipeline/execution_options.py``."""
_EXECUTORS = (executable_spec_pb2.PythonClassExecutableSpec, executable_spec_pb2.BeamExecutableSpec)


def check_supported(ir: pipeline_pb2.Pipeline) -> None:
    """Check that the runner can run all of a compiled pipeline.

    Raises:
        UnsupportedPipelineError: It cannot; the message names each node, and what of it cannot be run.
    """
    if wrong := [*_of_pipeline(ir), *_of_nodes(ir)]:
        raise UnsupportedPipelineError(
            f"pipeline {ir.pipeline_info.id} has {'; '.join(wrong)}, which cannot be run on Airflow; allowed: nodes "
            "with executors in Python, conditions, and the execution options max_execution_retries, "
            "execution_timeout_sec, ALL_UPSTREAM_NODES_SUCCEEDED and ALL_UPSTREAM_NODES_COMPLETED. Change the pipeline."
        )


def _of_pipeline(ir: pipeline_pb2.Pipeline) -> Iterator[str]:
    if ir.execution_mode == pipeline_pb2.Pipeline.ASYNC:
        yield "the execution mode ASYNC"
    deployment = _deployment(ir)
    if deployment.HasField("pipeline_level_platform_config"):
        yield "a platform config"


def _of_nodes(ir: pipeline_pb2.Pipeline) -> Iterator[str]:
    deployment = _deployment(ir)
    for item in ir.nodes:
        if item.HasField("sub_pipeline"):
            yield f"the subpipeline {item.sub_pipeline.pipeline_info.id}"
            continue
        node = item.pipeline_node
        name = node.node_info.id
        yield from (f"{what} in node {name}" for what in [*_loops(node.inputs), *_options(node.execution_options)])
        if name in deployment.executor_specs and not any(
            deployment.executor_specs[name].Is(kind.DESCRIPTOR) for kind in _EXECUTORS
        ):
            kind = deployment.executor_specs[name].TypeName().rpartition(".")[2]
            yield f"an executor that is not in Python ({kind}) in node {name}"
        if name in deployment.node_level_platform_configs:
            yield f"a platform config in node {name}"


def _loops(inputs: pipeline_pb2.NodeInputs) -> Iterator[str]:
    several = pipeline_pb2.InputGraph.ARTIFACT_MULTIMAP_LIST
    if any(graph.nodes[graph.result_node].output_data_type == several for graph in inputs.input_graphs.values()):
        yield "ForEach"


def _options(options: pipeline_pb2.NodeExecutionOptions) -> Iterator[str]:
    if options.strategy not in _STRATEGIES:
        yield f"the trigger strategy {_Options.TriggerStrategy.Name(options.strategy)}"
    for field, value in options.ListFields():
        if field.name not in _OPTIONS and _says_something(value):
            yield f"the execution option {field.name}"


def _says_something(value: object) -> bool:
    return bool(value.ListFields()) if isinstance(value, Message) else bool(value)


def _deployment(ir: pipeline_pb2.Pipeline) -> pipeline_pb2.IntermediateDeploymentConfig:
    deployment = pipeline_pb2.IntermediateDeploymentConfig()
    ir.deployment_config.Unpack(deployment)
    return deployment
