"""Defines the operator that runs one TFX node in a container of its own."""

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from airflow.providers.docker.exceptions import DockerContainerFailedException
from airflow.providers.docker.operators.docker import DockerOperator
from airflow.sdk import Context
from docker.types import DeviceRequest, Mount

from airflow_bert_service.clients.container import ContainerTransport, EngineClient
from airflow_bert_service.clients.node import NodeClient
from airflow_bert_service.nodes.container import ContainerMount, NodeContainer, mount_of
from airflow_bert_service.nodes.environment import NodeEnvironment
from airflow_bert_service.operators.node_task import NodeTask

LABEL = "bert-service"
"""Prefix of the names of the containers' labels."""
VARIABLES = {"HOME": "/tmp", "PYTHONUNBUFFERED": "1"}  # noqa: S108 (the container's own)
"""What nodes in containers get beside the image's own: none of Airflow's. The user need not be one that the
image knows, and has no home then."""


class TfxNodeDockerOperator(NodeTask, DockerOperator):
    """Runs one node of a compiled pipeline in a container of its own; is like :class:`TfxNodeOperator` otherwise.

    The node's outcome file decides how the task ends, never the exit code or the end of the log. The container
    runs as the task's own user, and is removed when it has ended.

    Args:
        node_environment: Where nodes run; its Python and node server are for nodes without a container.
        node_container: What the container is made of.
        kwargs: Arguments of :class:`~airflow_bert_service.operators.node_task.NodeTask`, and of Airflow's operators.
    """

    template_ext: Sequence[str] = ()

    def __init__(self, *, node_environment: NodeEnvironment, node_container: NodeContainer, **kwargs: Any) -> None:
        super().__init__(
            image=node_container.image,
            mounts=[_docker_mount(mount) for mount in node_container.mounts],
            network_mode=node_container.network or None,
            mem_limit=node_container.memory or None,
            device_requests=_device_requests(node_container.gpus),
            working_dir=str(node_environment.module_root),
            environment=dict(VARIABLES),
            mount_tmp_dir=False,
            auto_remove="force",
            **kwargs,
        )
        self.node_environment = node_environment
        self.node_container = node_container
        self._client: EngineClient | None = None

    @property
    def cli(self) -> EngineClient | None:
        """The engine's client; None before the node runs."""
        return self._client

    def execute(self, context: Context) -> dict[str, object]:  # type: ignore[override] # the outcome, not log lines
        """Run the node; return and errors are those of :meth:`run_node`."""
        known_by = self._labels(context)
        self.labels = {**known_by, f"{LABEL}.try-number": str(context["ti"].try_number)}
        self.user = f"{os.getuid()}:{os.getgid()}"

        def operate(client: EngineClient, command: list[str]) -> None:
            self._client, self.command = client, command
            # The client keeps the exit code, and the node's outcome decides.
            with suppress(DockerContainerFailedException):
                super(TfxNodeDockerOperator, self).execute(context)

        transport = ContainerTransport(container=self.node_container, labels=known_by, operate=operate)
        return self.run_node(NodeClient(self.node_environment, transport), context)

    def _labels(self, context: Context) -> dict[str, str]:
        task = context["ti"]
        # Several installations may share an engine; the state folder tells them apart.
        state = mount_of(self.node_environment.outcomes, self.node_container.mounts)
        values = {
            "state": state,
            "dag-id": task.dag_id,
            "run-id": task.run_id,
            "task-id": task.task_id,
            "map-index": task.map_index,
        }
        return {f"{LABEL}.{name}": str(value) for name, value in values.items()}


def _docker_mount(mount: ContainerMount) -> Mount:
    kind = "bind" if mount.source.startswith("/") else "volume"
    return Mount(target=str(mount.target), source=mount.source, type=kind, read_only=mount.read_only)


def _device_requests(gpus: int) -> list[DeviceRequest] | None:
    return [DeviceRequest(count=gpus, capabilities=[["gpu"]])] if gpus else None
