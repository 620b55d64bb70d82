"""Runs a node in a container: TFX's executor, by the operators that run it on Airflow.

TFX's own command for Kubeflow Pipelines would give executors addresses of the object store, and Beam's runner, and it
knows neither ledger nor the window of spans.
"""

import argparse
import json
import logging
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx import types
from tfx.components.evaluator import executor as evaluator
from tfx.components.example_gen.driver import update_output_artifact
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_entrypoint_utils as entrypoint
from tfx.orchestration.portable.data_types import ExecutionInfo
from tfx.orchestration.portable.outputs_utils import tag_output_artifacts_with_version
from tfx.orchestration.portable.python_executor_operator import PythonExecutorOperator
from tfx.proto.orchestration import executable_spec_pb2, execution_result_pb2, pipeline_pb2, placeholder_pb2
from tfx.types import standard_component_specs
from tfx.utils import import_utils

from tfx_modules.beam.forking import Forker
from tfx_modules.beam.operator import BeamOperator
from tfx_modules.components import pusher
from tfx_modules.components.window import Driver
from tfx_modules.kubeflow.executor_input import ExecutorInput, ledger_address, read_executor_input
from tfx_modules.promotion import current

_EXECUTION = 1
"""TFX names a folder for temporary files by it; a container has one execution."""

_logger = logging.getLogger(__name__)

Artifacts = dict[str, list[types.Artifact]]


@dataclass(frozen=True)
class NodeCall:
    """What the command line of a node's container says."""

    executor: str
    """The executor's class."""
    executor_input: str
    declared_inputs: str
    beam_arguments: tuple[str, ...]
    pipeline: str
    pipeline_version: str

    @classmethod
    def of(cls, flags: argparse.Namespace, beam_arguments: Sequence[str]) -> "NodeCall":
        """Take what ``python -m tfx_modules.kubeflow`` has read."""
        return cls(
            executor=flags.executor_class_path,
            executor_input=flags.json_serialized_invocation_args,
            declared_inputs=flags.json_serialized_inputs_spec_args,
            beam_arguments=tuple(beam_arguments),
            pipeline=flags.pipeline,
            pipeline_version=flags.pipeline_version,
        )


def run_node(call: NodeCall, environment: Mapping[str, str]) -> None:
    """Run a node, and write what it has made.

    Args:
        call: the command line.
        environment: variables, which say where the ledger is.

    Raises:
        PipelineError: the node failed, or the command line is not that of a spec.
    """
    declared = json.loads(call.declared_inputs)
    given = read_executor_input(call.executor_input, declared)
    with current.using(ledger_address(environment), call.pipeline, call.pipeline_version):
        made = _run(call, given)
    output = json_format.MessageToDict(made)
    file = Path(given.output_file)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(given.with_addresses(output)), encoding="utf-8")


def _run(call: NodeCall, given: ExecutorInput) -> pipeline_spec_pb2.ExecutorOutput:
    message, declared = pipeline_spec_pb2.ExecutorInput(), pipeline_spec_pb2.ComponentInputsSpec()
    json_format.ParseDict(given.document, message, ignore_unknown_fields=True)
    json_format.Parse(call.declared_inputs, declared, ignore_unknown_fields=True)
    names: dict[int, str] = {}
    inputs: Artifacts = entrypoint.parse_raw_artifact_dict(message.inputs.artifacts, names)
    outputs: Artifacts = entrypoint.parse_raw_artifact_dict(message.outputs.artifacts, names)
    parameters: dict[str, Any] = entrypoint.parse_execution_properties(
        message.inputs.parameter_values, message.inputs.parameters, declared
    )
    if prepare := _DRIVERS.get(call.executor):
        prepare(parameters, outputs)
    for artifact in (artifact for artifacts in outputs.values() for artifact in artifacts):
        Path(artifact.uri).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="node-") as temporary:
        info = ExecutionInfo(
            execution_id=_EXECUTION,
            input_dict=inputs,
            output_dict=outputs,
            exec_properties=parameters,
            execution_output_uri=f"{temporary}/executor_output.pb",
            tmp_dir=f"{temporary}/work",
            pipeline_info=pipeline_pb2.PipelineInfo(id=call.pipeline),
        )
        _take(outputs, _execute(call, info))
    tag_output_artifacts_with_version(outputs)
    _tell(outputs)
    return _written(call, outputs, names)


def _execute(call: NodeCall, info: ExecutionInfo) -> execution_result_pb2.ExecutorOutput:
    python = executable_spec_pb2.PythonClassExecutableSpec(class_path=call.executor)
    if not issubclass(import_utils.import_class_by_path(call.executor), BaseBeamExecutor):
        return PythonExecutorOperator(python).run_executor(info)
    values = [
        placeholder_pb2.PlaceholderExpression(value={"string_value": argument}) for argument in call.beam_arguments
    ]
    spec = executable_spec_pb2.BeamExecutableSpec(python_executor_spec=python, beam_pipeline_args_placeholders=values)
    if values:
        return BeamOperator(spec, forker=None).run_executor(info)
    with Forker() as forker:
        return BeamOperator(spec, forker=forker).run_executor(info)


def _take(outputs: Artifacts, result: execution_result_pb2.ExecutorOutput) -> None:
    """Take the properties over that the executor has given to its outputs."""
    for key, listed in result.output_artifacts.items():
        for artifact, found in zip(outputs[key], listed.artifacts, strict=True):
            artifact.set_mlmd_artifact(found)


def _written(call: NodeCall, outputs: Artifacts, names: Mapping[int, str]) -> pipeline_spec_pb2.ExecutorOutput:
    blessing = outputs.get(standard_component_specs.BLESSING_KEY)
    if blessing and issubclass(import_utils.import_class_by_path(call.executor), evaluator.Executor):
        # Ids of artifacts become their names at Kubeflow Pipelines.
        entrypoint.refactor_model_blessing(blessing[0], names)
    made = pipeline_spec_pb2.ExecutorOutput()
    for key, artifacts in entrypoint.translate_executor_output(outputs, names).items():
        made.artifacts[key].CopyFrom(artifacts)
    return made


def _tell(outputs: Artifacts) -> None:
    """Log the verdict of a Pusher, which succeeds whatever it is."""
    for artifact in outputs.get(standard_component_specs.PUSHED_MODEL_KEY, ()):
        verdict = artifact.get_string_custom_property(pusher.VERDICT)
        _logger.info("in the ledger: %s: %s", verdict, artifact.get_string_custom_property(pusher.REASON))


def _resolve_window(parameters: dict[str, Any], outputs: Artifacts) -> None:
    """Resolve the window of spans, which on Airflow TFX's Launcher has the driver do before the executor."""
    Driver(None).resolve_exec_properties(parameters, None, None)
    (examples,) = outputs[standard_component_specs.EXAMPLES_KEY]
    update_output_artifact(parameters, examples.mlmd_artifact)


_DRIVERS: Mapping[str, Callable[[dict[str, Any], Artifacts], None]] = {
    "tfx_modules.components.example_gen.Executor": _resolve_window
}
"""By the executor's class: what has to be done before it runs."""
