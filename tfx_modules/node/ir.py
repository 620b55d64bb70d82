"""Reads the compiled pipeline (the IR), and binds a run's values into one of its nodes."""

import inspect
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message
from tfx.dsl.compiler import constants
from tfx.orchestration.local import runner_utils
from tfx.orchestration.portable import runtime_parameter_utils
from tfx.proto.orchestration import executable_spec_pb2, pipeline_pb2
from tfx.utils import import_utils

from tfx_modules.exceptions import NodeError
from tfx_modules.node.request import NodeRequest, ParameterValue

CODE_VERSION_FLAG = "--code_version"
"""Flag of the executor spec, put there by ``pipeline.code_versions``; executors ignore it, and TFX's cache key takes it
in."""

FINAL_STATUS = "final-status"
"""The runtime parameter of exit handlers that has how the other nodes have ended; the Airflow side knows the name, and
fills it in."""

_logger = logging.getLogger(__name__)

_CASTS: dict[str, Callable[[ParameterValue], ParameterValue]] = {"STRING": str, "INT": int, "DOUBLE": float}
_OWN_PARAMETERS = frozenset({constants.PIPELINE_ROOT_PARAMETER_NAME, constants.PIPELINE_RUN_ID_PARAMETER_NAME})


@dataclass(frozen=True)
class BoundNode:
    """A node with the run's values in it: what a Launcher takes, but for the metadata connection."""

    node: pipeline_pb2.PipelineNode
    pipeline_info: pipeline_pb2.PipelineInfo
    runtime_spec: pipeline_pb2.PipelineRuntimeSpec
    executor_spec: Message | None
    """None for TFX's own Resolver and Importer."""
    driver_spec: Message | None
    follows_condition: bool
    """Whether a node before it, at any distance, runs only where a condition holds. Before an exit handler, which waits
    for all nodes, are those that make its inputs."""
    needed_by: tuple[str, ...]
    """Ids of the nodes that cannot run without its outputs."""
    is_exit_handler: bool
    """Whether it is told how the other nodes have ended, and runs each time that its task does."""
    shown_errors: int
    """How many of the examples that a model gets wrong its report shows."""

    @property
    def chooses_beam_workers(self) -> bool:
        """Whether it uses Beam, and the pipeline leaves the number of workers to the node."""
        spec = self.executor_spec
        return isinstance(spec, executable_spec_pb2.BeamExecutableSpec) and not spec.beam_pipeline_args_placeholders

    @cached_property
    def class_paths(self) -> tuple[str, ...]:
        """The component's class and its bases; see :func:`class_paths_of`."""
        return class_paths_of(str(self.node.node_info.type.name))


def class_paths_of(path: str) -> tuple[str, ...]:
    """Return the paths of a component's class and its bases, the most special one first.

    A class that cannot be imported has no bases here; its executor may be elsewhere.

    Args:
        path: the class with its module, like ``tfx.components.trainer.component.Trainer``.
    """
    try:
        found = import_utils.import_class_by_path(path)
    except (ImportError, AttributeError, ValueError) as error:
        _logger.warning("class %s cannot be imported, so its base classes are not known: %s", path, error)
        return (path,)
    bases = inspect.getmro(found) if inspect.isclass(found) else ()
    return tuple(dict.fromkeys([path, *(f"{base.__module__}.{base.__qualname__}" for base in bases)]))


def bind(request: NodeRequest) -> BoundNode:
    """Read the compiled pipeline and put the run's values into the node.

    Raises:
        NodeError: the file is not a compiled pipeline, or node or parameters are not in it.
    """
    fields = _read(request.pipeline)
    pipeline = _parse(fields, request.pipeline)
    node = _find(pipeline, request.node)
    is_exit_handler = _is_exit_handler(node)
    values = _parameter_values(_declared(fields), request.parameters)
    own = {
        constants.PIPELINE_ROOT_PARAMETER_NAME: str(request.pipeline_root),
        constants.PIPELINE_RUN_ID_PARAMETER_NAME: request.run_id,
    }
    for message in (node, pipeline.runtime_spec):
        bound = runtime_parameter_utils.substitute_runtime_parameter(message, {**values, **own})
        _refuse_missing(request.node, [name for name, value in bound.items() if value is None])
    caching = node.execution_options.caching_options
    caching.enable_cache = caching.enable_cache and request.use_cache
    deployment = runner_utils.extract_local_deployment_config(pipeline)
    executor_spec = runner_utils.extract_executor_spec(deployment, request.node)
    _check_code_version(request.node, executor_spec)
    return BoundNode(
        node=node,
        pipeline_info=pipeline.pipeline_info,
        runtime_spec=pipeline.runtime_spec,
        executor_spec=executor_spec,
        driver_spec=runner_utils.extract_custom_driver_spec(deployment, request.node),
        follows_condition=_follows_condition(node, pipeline, is_exit_handler=is_exit_handler),
        needed_by=_needed_by(node, pipeline),
        is_exit_handler=is_exit_handler,
        shown_errors=request.shown_errors,
    )


def version_of(path: Path) -> str:
    """Return the version of the sources that a pipeline was compiled from, as the file beside it names it.

    Args:
        path: the compiled pipeline.

    Returns:
        The version; empty where an older release compiled it, or where it is in a container without that file.

    Raises:
        NodeError: the file is there, and names no version.
    """
    file = path.with_suffix(".version.json")
    try:
        return str(json.loads(file.read_text(encoding="ascii"))["version"])
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NodeError(f"{file} names no version ({error!r}); compile the pipeline anew.") from error


def _read(path: Path) -> Any:
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _not_compiled(path, error) from error
    if not isinstance(fields, dict):
        raise _not_compiled(path, "not a JSON object")
    return fields


def _parse(fields: Any, path: Path) -> pipeline_pb2.Pipeline:
    try:
        return json_format.ParseDict(fields, pipeline_pb2.Pipeline())
    # For some malformed fields, the parser raises other errors than ParseError.
    except (json_format.ParseError, AttributeError, TypeError) as error:
        raise _not_compiled(path, error) from error


def _not_compiled(path: Path, error: object) -> NodeError:
    return NodeError(
        f"pipeline {path} cannot be read ({error}); allowed: the JSON that tfx_modules.pipeline.compile writes. "
        "Run `python -m tfx_modules.pipeline.compile`."
    )


def _find(pipeline: pipeline_pb2.Pipeline, node_id: str) -> pipeline_pb2.PipelineNode:
    nodes = {item.pipeline_node.node_info.id: item.pipeline_node for item in pipeline.nodes}
    if node_id not in nodes:
        where, allowed = pipeline.pipeline_info.id, ", ".join(nodes)
        raise NodeError(f"node {node_id!r} is not in pipeline {where}; allowed: {allowed}. Ask for one of these.")
    return nodes[node_id]


def _is_exit_handler(node: pipeline_pb2.PipelineNode) -> bool:
    return any(value.runtime_parameter.name == FINAL_STATUS for value in node.parameters.parameters.values())


def _follows_condition(
    node: pipeline_pb2.PipelineNode, pipeline: pipeline_pb2.Pipeline, *, is_exit_handler: bool
) -> bool:
    channels = [channel for spec in node.inputs.inputs.values() for channel in spec.channels]
    makers = {channel.producer_node_query.id for channel in channels}
    found = makers if is_exit_handler else {node.node_info.id}
    # In topological order, so that from the end each node comes before those that it needs.
    for item in reversed(pipeline.nodes):
        if item.pipeline_node.node_info.id in found:
            found.update(item.pipeline_node.upstream_nodes)
    before = (item.pipeline_node for item in pipeline.nodes if item.pipeline_node.node_info.id in found)
    return any(other.inputs.conditionals for other in before if other.node_info.id != node.node_info.id)


def _needed_by(node: pipeline_pb2.PipelineNode, pipeline: pipeline_pb2.Pipeline) -> tuple[str, ...]:
    others = [item.pipeline_node for item in pipeline.nodes]
    return tuple(
        other.node_info.id
        for other in others
        if any(node.node_info.id == channel.producer_node_query.id for channel in needed_channels(other))
    )


def needed_channels(node: pipeline_pb2.PipelineNode) -> Iterator[pipeline_pb2.InputSpec.Channel]:
    """Yield where the inputs come from that a node cannot run without."""
    for spec in node.inputs.inputs.values():
        # Inputs that are computed of others refer to those, which are hidden.
        if spec.min_count or spec.hidden:
            yield from spec.channels


def _declared(fields: Any) -> dict[str, str]:
    """Return the type names of all runtime parameters by name, TFX's own left out."""
    found = {item["name"]: str(item.get("type", "")) for item in runtime_parameters(fields)}
    return {name: kind for name, kind in found.items() if name not in _OWN_PARAMETERS}


def runtime_parameters(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the runtime parameters anywhere inside a compiled pipeline or a part of it, as JSON has them."""
    if isinstance(value, dict):
        if "runtime_parameter" in value:
            yield value["runtime_parameter"]
        for item in value.values():
            yield from runtime_parameters(item)
    elif isinstance(value, list):
        for item in value:
            yield from runtime_parameters(item)


def _parameter_values(declared: Mapping[str, str], given: Mapping[str, ParameterValue]) -> dict[str, ParameterValue]:
    unknown = sorted(given.keys() - declared.keys())
    if unknown:
        allowed = ", ".join(sorted(declared)) or "none"
        raise NodeError(f"parameters {', '.join(unknown)} are not in the pipeline; allowed: {allowed}. Remove them.")
    return {name: _cast(name, value, declared[name]) for name, value in given.items()}


def _cast(name: str, value: ParameterValue, kind: str) -> ParameterValue:
    if kind not in _CASTS:
        raise NodeError(
            f"parameter {name} is declared as {kind!r}; allowed: {', '.join(_CASTS)}. Compile the pipeline again."
        )
    if isinstance(value, str) or type(value) is _CASTS[kind]:
        try:
            return _CASTS[kind](value)
        except ValueError:
            pass
    raise NodeError(
        f"parameter {name} is {value!r}; allowed: a value of type {kind}, or its text. Correct the run's parameters."
    )


def _refuse_missing(node: str, missing: list[str]) -> None:
    if missing:
        names = ", ".join(sorted(missing))
        raise NodeError(
            f"node {node} lacks values for parameters {names}; allowed: a value for each. Add them to the request."
        )


def _check_code_version(node: str, executor_spec: Message | None) -> None:
    """Refuse a node of Python code without a version: the cache would give it the outputs of any other code."""
    if isinstance(executor_spec, executable_spec_pb2.BeamExecutableSpec):
        executor_spec = executor_spec.python_executor_spec
    if not isinstance(executor_spec, executable_spec_pb2.PythonClassExecutableSpec):
        return
    if not any(flag.startswith(f"{CODE_VERSION_FLAG}=") for flag in executor_spec.extra_flags):
        raise NodeError(
            f"node {node} has the executor flags {list(executor_spec.extra_flags)}; allowed: flags with "
            f"{CODE_VERSION_FLAG}. Compile the pipeline by tfx_modules.pipeline.compile, or pass it through "
            "tfx_modules.pipeline.code_versions.with_code_versions."
        )
