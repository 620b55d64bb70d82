"""Gives each node of a compiled pipeline the version of the code that its result depends on."""

import importlib.util
import os
import re
import sysconfig
from collections.abc import Collection, Iterator
from typing import Any

from google.protobuf import json_format
from google.protobuf.any_pb2 import Any as AnyMessage
from tfx.proto.orchestration import executable_spec_pb2, pipeline_pb2

from tfx_modules.exceptions import CodeVersionError
from tfx_modules.node.ir import CODE_VERSION_FLAG
from tfx_modules.pipeline.sources import Sources

_BEAM_OPERATOR = "tfx_modules.beam.operator.BeamOperator"
"""What runs the executors of Beam nodes, see ``tfx_modules.node.run``."""
_MODULE_FILES = frozenset({"module_file", "module_path"})
_FUNCTION = re.compile(r"\w+_fn")


def with_code_versions(ir: pipeline_pb2.Pipeline, sources: Sources) -> pipeline_pb2.Pipeline:
    """Return the pipeline with a code version in each executor's flags; executors ignore the flag.

    TFX's cache key takes in the executor spec, but of our functions and classes only their dotted names: without this
    flag it would be the same after a change of code. A container's image has a version of its own, and TFX's own
    Resolver and Importer do not use the cache.

    Args:
        ir: The compiled pipeline; it is not changed.
        sources: Where the code is.

    Raises:
        CodeVersionError: What a node runs cannot be found out.
    """
    made = pipeline_pb2.Pipeline()
    made.CopyFrom(ir)
    deployment = _deployment(ir)
    for node, files in code_of_nodes(ir, sources).items():
        packed = deployment.executor_specs[node]
        spec = _unpacked(packed)
        _python_spec(spec).extra_flags.append(f"{CODE_VERSION_FLAG}={sources.digest(files)}")
        packed.Pack(spec)
    made.deployment_config.Pack(deployment)
    return made


def code_of_nodes(ir: pipeline_pb2.Pipeline, sources: Sources) -> dict[str, frozenset[str]]:
    """Return the files that the result of each node depends on, by the node's id.

    These are the files of its executor, of its driver and of all that its execution properties name (``run_fn``), with
    what they import. Nodes that have no Python executor are left out.

    Raises:
        CodeVersionError: What a node runs cannot be found out.
    """
    deployment = _deployment(ir)
    nodes = {item.pipeline_node.node_info.id: item.pipeline_node for item in ir.nodes}
    found = {}
    for node, packed in deployment.executor_specs.items():
        spec = _unpacked(packed)
        if spec is None:
            continue
        parameters = nodes[node].parameters
        _check_functions(node, parameters, sources)
        parts = [spec, parameters]
        if node in deployment.custom_driver_specs:
            parts.append(deployment.custom_driver_specs[node])
        _check_classes(node, _classes(spec, parameters), sources.packages)
        names = {name for part in parts for name in _names(json_format.MessageToDict(part), sources.packages)}
        names |= {module for file in _module_files(parameters) if (module := sources.users_module(file))}
        is_beam = isinstance(spec, executable_spec_pb2.BeamExecutableSpec)
        found[node] = sources.closure([*names, _BEAM_OPERATOR] if is_beam else names)
    return found


def code_of_pipeline(ir: pipeline_pb2.Pipeline, sources: Sources) -> frozenset[str]:
    """Return all files that a pipeline's nodes import, with those of nodes that have no executor, such as Resolvers.

    Raises:
        CodeVersionError: What a node runs cannot be found out.
    """
    names = _names(json_format.MessageToDict(ir), sources.packages)
    return sources.closure(names).union(*code_of_nodes(ir, sources).values())


def _deployment(ir: pipeline_pb2.Pipeline) -> pipeline_pb2.IntermediateDeploymentConfig:
    deployment = pipeline_pb2.IntermediateDeploymentConfig()
    ir.deployment_config.Unpack(deployment)
    return deployment


def _unpacked(packed: AnyMessage) -> Any:
    """Return the spec of an executor in Python; None: it is of another kind."""
    for kind in (executable_spec_pb2.PythonClassExecutableSpec, executable_spec_pb2.BeamExecutableSpec):
        if packed.Is(kind.DESCRIPTOR):
            spec = kind()
            packed.Unpack(spec)
            return spec
    return None


def _python_spec(spec: Any) -> executable_spec_pb2.PythonClassExecutableSpec:
    return spec.python_executor_spec if isinstance(spec, executable_spec_pb2.BeamExecutableSpec) else spec


def _check_functions(node: str, parameters: pipeline_pb2.NodeParameters, sources: Sources) -> None:
    for name, value in parameters.parameters.items():
        is_given_by_run = value.WhichOneof("value") == "runtime_parameter"
        text = value.field_value.string_value
        is_unknown_file = name in _MODULE_FILES and (
            is_given_by_run or (text and not _is_known_module(name, text, sources))
        )
        if is_unknown_file or (_FUNCTION.fullmatch(name) and is_given_by_run):
            raise CodeVersionError(
                f"{name} of node {node} is {'a runtime parameter' if is_given_by_run else repr(text)}; allowed: the "
                "dotted name of a function, or a file in the folder of the user's pipeline, so that the node's code "
                "version covers it. Give it as run_fn is given."
            )


def _is_known_module(name: str, text: str, sources: Sources) -> bool:
    """Tell whether the code is looked at: a file of the user's folder, or a dotted name in one of the packages."""
    is_dotted_name = name == "module_path" and text.partition(".")[0] in sources.packages
    return is_dotted_name or sources.users_module(text) is not None


def _module_files(parameters: pipeline_pb2.NodeParameters) -> Iterator[str]:
    for name, value in parameters.parameters.items():
        if name in _MODULE_FILES and value.field_value.string_value:
            yield value.field_value.string_value


def _classes(spec: Any, parameters: pipeline_pb2.NodeParameters) -> Iterator[str]:
    """Yield the dotted names of a node's executor, and of the functions that its properties name."""
    yield _python_spec(spec).class_path
    for name, value in parameters.parameters.items():
        if _FUNCTION.fullmatch(name) and "." in value.field_value.string_value:
            yield value.field_value.string_value


def _check_classes(node: str, names: Iterator[str], packages: Collection[str]) -> None:
    """Check that all code of a node that is not installed in the environment is looked at."""
    for name in names:
        top = name.partition(".")[0]
        if top in packages or _is_installed(top):
            continue
        raise CodeVersionError(
            f"node {node} runs {name}, and {top} is neither a package of the TFX environment nor among the sources "
            f"that code versions are made of; allowed: {', '.join(packages)}, and installed packages. Compile the "
            "pipeline with the folder that has it."
        )


def _is_installed(package: str) -> bool:
    if package == "__main__":
        return False
    found = importlib.util.find_spec(package)
    places = [found.origin, *(found.submodule_search_locations or ())] if found else []
    installed = [sysconfig.get_path(kind) for kind in ("stdlib", "purelib", "platlib")]
    return any(place and place.startswith(f"{folder}{os.sep}") for place in places for folder in installed)


def _names(value: Any, packages: Collection[str]) -> Iterator[str]:
    """Yield all dotted names that begin with a package's in the texts of a JSON value; the texts may be JSON too."""
    if isinstance(value, str):
        yield from re.findall(rf"(?<![\w.])(?:{'|'.join(map(re.escape, packages))})(?:\.\w+)+", value)
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _names(item, packages)
