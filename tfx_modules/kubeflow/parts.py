"""The parts of the pipeline on Kubeflow Pipelines, and what of a pipeline cannot run there."""

from collections.abc import Sequence

from tfx.dsl.components.base.base_node import BaseNode

from tfx_modules.components.earlier_runs.searched_for import searched_for
from tfx_modules.exceptions import UnsupportedPipelineError
from tfx_modules.kubeflow import earlier_runs
from tfx_modules.kubeflow.gates import DataGate, InfraValidator
from tfx_modules.pipeline import parts, runtime_parameters
from tfx_modules.settings.gate import ApprovalRule
from tfx_modules.settings.settings import EncoderSettings, PipelineSettings, Platform
from tfx_modules.settings.task import TaskSettings


def check_can_run(settings: PipelineSettings) -> None:
    """Check that nothing of a pipeline needs Airflow or a Docker engine.

    Raises:
        UnsupportedPipelineError: something does; the message names each setting.
    """
    wrong = []
    if settings.gate.approval is ApprovalRule.REQUIRED:
        wrong.append('gate.approval is "required" (node Approval), and only Airflow asks people; set it to "none"')
    if settings.serving_check.platform is not Platform.PROJECT:
        wrong.append(
            f'serving_check.platform is "{settings.serving_check.platform}" (node InfraValidator), and a container has '
            f'no Docker engine; set it to "{Platform.PROJECT}"'
        )
    if wrong:
        raise UnsupportedPipelineError(
            f"pipeline {settings.name} cannot run on Kubeflow Pipelines or Vertex AI: {'; '.join(wrong)}. Change the "
            "pipeline's settings file, or run the pipeline on Airflow."
        )


def _earlier_runs(task: TaskSettings, encoder: EncoderSettings) -> parts.EarlierRuns:
    node = earlier_runs.EarlierRuns(
        push_destination=runtime_parameters.push_destination(),
        task=task,
        searched_for=searched_for(encoder.to_config(), task),
    )
    return parts.EarlierRuns(
        statistics=node.outputs[earlier_runs.STATISTICS],
        hyperparameters=node.outputs[earlier_runs.HYPERPARAMETERS],
        model=node.outputs[earlier_runs.MODEL],
        nodes=(node,),
    )


def _keeping(results: parts.Results) -> Sequence[BaseNode]:
    return [
        earlier_runs.KeepForLaterRuns(
            push_destination=runtime_parameters.push_destination(),
            pushed_model=results.pushed_model,
            statistics=results.statistics,
            hyperparameters=results.hyperparameters,
            searched_for=results.searched_for,
        )
    ]


ON_KUBEFLOW = parts.Parts(
    earlier_runs=_earlier_runs,
    infra_validators={Platform.PROJECT: InfraValidator},
    data_gate=lambda validator: DataGate(anomalies=validator.outputs["anomalies"]),
    keeping=_keeping,
)
