"""The gates that are otherwise on Kubeflow Pipelines than on Airflow."""

from typing import Any, ClassVar

from tfx import types
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.proto import infra_validator_pb2
from tfx.types import artifact_utils, component_spec, standard_artifacts, standard_component_specs

from tfx_modules.components import infra_validator
from tfx_modules.components.example_validator import BLOCKED, REASON
from tfx_modules.exceptions import GateError

_ANOMALIES = standard_component_specs.ANOMALIES_KEY


class DataGateExecutor(base_executor.BaseExecutor):  # type: ignore[misc]
    """Fails when ExampleValidator has blocked the data, so that no node after it runs."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],  # noqa: ARG002
        exec_properties: dict[str, Any],  # noqa: ARG002
    ) -> None:
        """Read the verdict.

        Raises:
            GateError: the data are blocked; the message says why.
        """
        anomalies = artifact_utils.get_single_instance(input_dict[_ANOMALIES])
        if anomalies.get_int_custom_property(BLOCKED):
            raise GateError(
                f"blocked: {anomalies.get_string_custom_property(REASON)} (report.html beside the anomalies has the "
                "figures)"
            )


class DataGateSpec(types.ComponentSpec):  # type: ignore[misc]
    """ExampleValidator's anomalies, and nothing else."""

    PARAMETERS: ClassVar[dict[str, Any]] = {}
    INPUTS: ClassVar[dict[str, Any]] = {
        _ANOMALIES: component_spec.ChannelParameter(type=standard_artifacts.ExampleAnomalies)
    }
    OUTPUTS: ClassVar[dict[str, Any]] = {}


class DataGate(base_component.BaseComponent):  # type: ignore[misc]
    """Stops the run when the data are blocked.

    ExampleValidator itself succeeds, since Kubeflow Pipelines uploads no outputs of a failed task, and its report says
    what is wrong.
    """

    SPEC_CLASS = DataGateSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(DataGateExecutor)

    def __init__(self, *, anomalies: types.BaseChannel) -> None:
        super().__init__(spec=DataGateSpec(anomalies=anomalies))


class InfraValidator(base_component.BaseComponent):  # type: ignore[misc]
    """This project's InfraValidator, which starts a server as a process and needs no container.

    No subclass of TFX's, which TFX refuses to compile for Kubeflow Pipelines.
    """

    SPEC_CLASS = standard_component_specs.InfraValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(infra_validator.Executor)

    def __init__(
        self,
        *,
        model: types.BaseChannel,
        examples: types.BaseChannel,
        serving_spec: infra_validator_pb2.ServingSpec,
        validation_spec: infra_validator_pb2.ValidationSpec,
        request_spec: infra_validator_pb2.RequestSpec,
    ) -> None:
        """See TFX's InfraValidator."""
        super().__init__(
            spec=standard_component_specs.InfraValidatorSpec(
                model=model,
                examples=examples,
                blessing=types.Channel(type=standard_artifacts.InfraBlessing),
                serving_spec=serving_spec,
                validation_spec=validation_spec,
                request_spec=request_spec,
            )
        )
