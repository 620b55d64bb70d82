"""The operator that runs one TFX node."""

from typing import Any

from airflow.sdk import Context

from bert_service.config import NodeEnvironment
from bert_service.hooks.node import NodeHook
from bert_service.operators.node_task import NodeTask


class TfxNodeOperator(NodeTask):
    """Runs one node of a compiled pipeline in the TFX environment; returns its outcome, as URIs and properties.

    It is not a general way to run commands: what it runs is the node command, and what it knows of it is in
    :mod:`bert_service.hooks.node`.

    Args:
        environment: Where nodes run.
        kwargs: Arguments of :class:`~bert_service.operators.node_task.NodeTask`, and of Airflow's operators.
    """

    def __init__(self, *, environment: NodeEnvironment, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.environment = environment

    def execute(self, context: Context) -> dict[str, object]:
        """Run the node; return and errors are those of :meth:`run_node`."""
        return self.run_node(NodeHook(self.environment), context)
