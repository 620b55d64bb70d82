"""Makes an Airflow DAG of a compiled TFX pipeline."""

from collections.abc import Mapping
from typing import Any

from airflow.sdk import DAG, BaseOperator

from airflow_bert_service.dag.config import AirflowPipelineConfig
from airflow_bert_service.dag.containers import node_container
from airflow_bert_service.dag.execution import execution_arguments, hides_failures
from airflow_bert_service.nodes.container import NodeContainer
from airflow_bert_service.nodes.environment import NodeEnvironment
from airflow_bert_service.operators.failed_nodes import FailedNodesOperator
from airflow_bert_service.operators.node import TfxNodeOperator
from airflow_bert_service.pipeline.execution_options import APPROVAL, ApprovalTerms
from airflow_bert_service.pipeline.plan import NodePlan, PipelinePlan
from airflow_bert_service.settings.settings import Settings

_OURS = "tfx_modules.components"
NODE_DOCS = {
    f"{_OURS}.example_gen.CsvExampleGen": "Reads the reviews of the run's days and splits them into train and eval.",
    f"{_OURS}.statistics_gen.StatisticsGen": "Computes statistics of every feature, for each split.",
    f"{_OURS}.schema_gen.SchemaGen": "Infers the schema: which features there are, and which values they take.",
    f"{_OURS}.example_validator.ExampleValidator": "Compares the reviews' statistics with the schema, the day before "
    "and the champion's data; anomalies stop the run.",
    "tfx.components.transform.component.Transform": "Prepares the examples by the pipeline's `preprocessing_fn`, in a "
    "graph that the served model contains too.",
    f"{_OURS}.tuner.Tuner": "Searches for the best hyperparameters, when the run's parameter `tune` is on.",
    f"{_OURS}.trainer.Trainer": "Fine-tunes the pretrained BERT encoder and exports the model.",
    "tfx.dsl.components.common.resolver.Resolver": "Looks up artifacts of earlier runs in ML Metadata.",
    "tfx.components.evaluator.component.Evaluator": "Evaluates the candidate, and the champion on the same data; "
    "blesses the candidate when its metrics are above the floor.",
    f"{_OURS}.infra_validator.InfraValidator": "Has a model server load the candidate and answer requests, and blesses "
    "it when that succeeds.",
    APPROVAL: "Judges the candidate as `Pusher` does, and waits for a person where `Pusher` would promote it: the tab "
    "*Required Actions* has the request.",
    f"{_OURS}.pusher.Pusher": "Publishes the candidate when both Evaluator and InfraValidator blessed it; is skipped "
    "otherwise.",
}
"""What a node does, by its type; shown on its task's page. Components of other people may have the same last names."""

REPORTS = {
    f"{_OURS}.example_validator.ExampleValidator": ("anomalies", "Validation report"),
    f"{_OURS}.tuner.Tuner": ("tuner_results", "Tuning report"),
    f"{_OURS}.trainer.Trainer": ("model_run", "Training report"),
    "tfx.components.evaluator.component.Evaluator": ("evaluation", "Evaluation report"),
    f"{_OURS}.pusher.Pusher": ("pushed_model", "Promotion report"),
}
"""By a node's type: the output in whose folder the node command leaves a report, and the text of the button that opens
it."""
_NO_REPORT = ("", "")

FAILED_NODES = "failed_nodes"
"""Id of the task that fails the run, in a DAG where a node runs after failed ones."""


class AirflowDagRunner:
    """Turns a plan into a DAG: a task for each node with the node's id, an edge for each edge of the TFX pipeline.

    A pipeline with nodes that run after failed ones gets one task more, :data:`FAILED_NODES`.

    It is called like TFX's class of this name, takes a compiled pipeline where that takes a pipeline, and imports no
    TFX. It runs nothing itself.
    """

    def __init__(self, config: AirflowPipelineConfig) -> None:
        self._config = config

    def run(self, plan: PipelinePlan) -> DAG:
        """Make the DAG.

        Args:
            plan: The compiled pipeline; it is not changed.

        Returns:
            A new DAG; more tasks may be added to it.

        Raises:
            SettingsError: Nodes, parameters or settings do not fit the plan.
        """
        self._config.check(plan)
        environment = node_environment(plan, self._config.settings)
        arguments = {**self._config.airflow_dag_config, "params": self._config.run_parameters(plan)}
        templates = self._config.templates(plan)
        with DAG(dag_id=plan.id, **arguments) as dag:
            tasks = {node.id: self._task(node, plan, environment, templates) for node in plan.nodes}
            if hides_failures(plan):
                FailedNodesOperator(task_id=FAILED_NODES).set_upstream(list(tasks.values()))
        for node in plan.nodes:
            tasks[node.id].set_upstream([tasks[upstream] for upstream in node.upstream])
        return dag

    def _task(
        self, node: NodePlan, plan: PipelinePlan, environment: NodeEnvironment, templates: Mapping[str, str]
    ) -> BaseOperator:
        report_output, report_name = REPORTS.get(node.type, _NO_REPORT)
        arguments: dict[str, Any] = {
            "task_id": node.id,
            "tfx_node": node.id,
            "parameters": {p.name: templates[p.name] for p in node.parameters if p.name in templates},
            "use_cache": self._config.use_cache,
            "gpu": self._config.settings.gpu.use_of(node),
            "is_exit_handler": node.is_exit_handler,
            "report_output": report_output,
            "report_name": report_name,
            "doc_md": NODE_DOCS.get(node.type, f"Runs the TFX node `{node.id}` of type `{node.type}`."),
            **execution_arguments(node, plan),
            **self._config.node_settings(node).task_arguments(),
        }
        container = node_container(node, plan, self._config.settings)
        if node.approval:
            return _approval(node.approval, plan, self._config.settings, container, environment, arguments)
        if container is None:
            return TfxNodeOperator(environment=environment, **arguments)
        # Imported here: without such nodes, parsing a DAG file does not need Docker's client.
        from airflow_bert_service.operators.node_container import TfxNodeDockerOperator

        return TfxNodeDockerOperator(environment=environment, container=container, **arguments)


def _approval(
    terms: ApprovalTerms,
    plan: PipelinePlan,
    settings: Settings,
    container: NodeContainer | None,
    environment: NodeEnvironment,
    arguments: dict[str, Any],
) -> BaseOperator:
    """Make the task that asks a person; without such a task, parsing a DAG file does not need its modules."""
    from airflow_bert_service.operators.approval import TfxApprovalOperator, approval_form

    asking = {
        "terms": terms,
        "settings": settings,
        "pipeline": plan.id,
        "module_root": plan.module_root,
        "params": approval_form(),
        "environment": environment,
        **arguments,
    }
    if container is None:
        return TfxApprovalOperator(**asking)
    from airflow_bert_service.operators.node_container import TfxApprovalDockerOperator

    return TfxApprovalDockerOperator(container=container, **asking)


def node_environment(plan: PipelinePlan, settings: Settings) -> NodeEnvironment:
    """Return where the nodes of a plan run, as the settings say."""
    return NodeEnvironment(
        tfx_python=settings.tfx_python,
        node_socket=settings.node_socket,
        module_root=plan.module_root,
        pipeline=plan.path,
        pipeline_root=settings.pipeline_root,
        metadata=settings.metadata,
        metadata_wait_seconds=settings.limits.max_metadata_wait_seconds,
        ledger=settings.ledger,
        shown_errors=settings.shown_errors,
        artifact_store=settings.artifacts.artifact_store,
        artifact_copies_gb=settings.artifacts.copies_gb,
        outcomes=settings.outcomes,
    )
