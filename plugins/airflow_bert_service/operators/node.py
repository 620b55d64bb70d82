"""Defines the operator that runs one TFX node."""

from typing import Any

from airflow.sdk import Context

from airflow_bert_service.clients.node import NodeClient
from airflow_bert_service.nodes.environment import NodeEnvironment
from airflow_bert_service.operators.node_task import NodeTask


class TfxNodeOperator(NodeTask):
    """Runs one node of a compiled pipeline in the TFX environment; returns its outcome, as URIs and properties.

    It is not a general way to run commands: it runs the node command only, with
    :mod:`airflow_bert_service.clients.node`.

    Args:
        environment: Where nodes run.
        kwargs: Arguments of :class:`~airflow_bert_service.operators.node_task.NodeTask`, and of Airflow's operators.
    """

    def __init__(self, *, environment: NodeEnvironment, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.environment = environment

    def execute(self, context: Context) -> dict[str, object]:
        """Run the node; return and errors are those of :meth:`run_node`."""
        return self.run_node(NodeClient(self.environment), context)
