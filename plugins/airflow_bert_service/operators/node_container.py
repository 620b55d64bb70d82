"""Defines the operator that runs one TFX node in a container of its own."""

from typing import Any

from airflow.sdk import Context

from airflow_bert_service.clients.container import ContainerTransport
from airflow_bert_service.clients.node import NodeClient
from airflow_bert_service.nodes.container import NodeContainer, mount_of
from airflow_bert_service.nodes.environment import NodeEnvironment
from airflow_bert_service.operators.approval import ApprovalTask
from airflow_bert_service.operators.node_task import NodeTask


class TfxNodeDockerOperator(NodeTask):
    """Runs one node of a compiled pipeline in a container of its own; is like :class:`TfxNodeOperator` otherwise.

    The node's outcome file decides how the task ends, never the exit code or the end of the log. The container
    runs as the task's own user, and is removed when it has ended. It is not one of Airflow's ``DockerOperator``: what
    the container is made of are settings, not arguments.

    Args:
        environment: Where nodes run; its Python and node server are for nodes without a container.
        container: What the container is made of.
        kwargs: Arguments of :class:`~airflow_bert_service.operators.node_task.NodeTask`, and of Airflow's operators.
    """

    def __init__(self, *, environment: NodeEnvironment, container: NodeContainer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.environment = environment
        self.container = container

    def execute(self, context: Context) -> dict[str, object]:
        """Run the node; return and errors are those of :meth:`run_node`."""
        transport = ContainerTransport(
            container=self.container,
            module_root=self.environment.module_root,
            labels=self._labels(context),
            try_number=context["ti"].try_number,
        )
        return self.run_node(NodeClient(self.environment, transport), context)

    def _labels(self, context: Context) -> dict[str, str]:
        task = context["ti"]
        # Several installations may share an engine; the state folder tells them apart.
        state = mount_of(self.environment.outcomes, self.container.mounts)
        values = {
            "state": state,
            "dag-id": task.dag_id,
            "run-id": task.run_id,
            "task-id": task.task_id,
            "map-index": task.map_index,
        }
        return {name: str(value) for name, value in values.items()}


class TfxApprovalDockerOperator(ApprovalTask, TfxNodeDockerOperator):  # type: ignore[misc]  # both have template fields
    """Runs the node ``Approval`` in a container like :class:`TfxNodeDockerOperator`, and asks a person."""
