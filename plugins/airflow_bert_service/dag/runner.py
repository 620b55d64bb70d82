"""Makes an Airflow DAG of a compiled TFX pipeline."""

from typing import Any

from airflow.sdk import DAG, BaseOperator
from airflow_bert_service.dag.config import AirflowPipelineConfig, NodeEnvironment
from airflow_bert_service.operators.node import TfxNodeOperator
from airflow_bert_service.pipeline.plan import NodePlan, PipelinePlan

NODE_DOCS = {
    "CsvExampleGen": "Reads the reviews of the run's days and splits them, train : eval = 2 : 1.",
    "StatisticsGen": "Computes statistics of every feature, for each split.",
    "SchemaGen": "Infers the schema: which features there are, and which values they take.",
    "ExampleValidator": "Compares the reviews with schema, day before and champion's data; anomalies stop the run.",
    "Transform": "Cleans and tokenises the texts, in a graph that serving uses too.",
    "Tuner": "Searches for the best hyperparameters, when the run asks for it.",
    "Trainer": "Fine-tunes the pretrained BERT encoder and exports the model.",
    "Resolver": "Looks up results of earlier runs in the metadata store.",
    "Evaluator": "Measures the model, and the champion beside it; blesses it when it is over the floor.",
    "InfraValidator": "Has a real server load the model and answer real requests.",
    "Pusher": "Publishes a model that was blessed twice; skipped for any other.",
}
"""What a node does, by the short name of its type; shown on its task's page."""

REPORTS = {"ExampleValidator": "anomalies"}
"""By the short name of a node's type: the output in whose folder the node leaves a report."""


class AirflowDagRunner:
    """Turns a plan into a DAG: a task per node with the node's id, an edge per edge of TFX's.

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
            SettingsError: The configuration does not fit the plan.
        """
        self._config.check(plan)
        environment = NodeEnvironment.of(plan, self._config.settings)
        with DAG(dag_id=plan.id, **self._config.airflow_dag_config) as dag:
            tasks = {node.id: self._task(node, plan, environment) for node in plan.nodes}
        for node in plan.nodes:
            tasks[node.id].set_upstream([tasks[upstream] for upstream in node.upstream])
        return dag

    def _task(self, node: NodePlan, plan: PipelinePlan, environment: NodeEnvironment) -> BaseOperator:
        templates = self._config.parameters
        arguments: dict[str, Any] = {
            "task_id": node.id,
            "tfx_node": node.id,
            "parameters": {p.name: templates[p.name] for p in node.parameters if p.name in templates},
            "use_cache": self._config.use_cache,
            "gpu": self._config.settings.gpu.use_of(node),
            "report_output": REPORTS.get(node.short_type, ""),
            "doc_md": NODE_DOCS.get(node.short_type, f"Runs the TFX node `{node.id}` of type `{node.type}`."),
            **self._config.node_settings(node).task_arguments(),
        }
        container = self._config.settings.containers.container_of(node, plan, self._config.settings)
        if container is None:
            return TfxNodeOperator(environment=environment, **arguments)
        # Imported here: without such nodes, parsing a DAG file needs neither Docker's client nor its provider.
        from airflow_bert_service.operators.node_container import TfxNodeDockerOperator

        return TfxNodeDockerOperator(node_environment=environment, node_container=container, **arguments)
