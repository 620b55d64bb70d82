"""Decides by the settings which nodes of a plan run in containers, and with which image and mounts."""

from collections.abc import Iterator
from pathlib import Path

from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.nodes.container import ContainerMount, NodeContainer, mount_of
from airflow_bert_service.nodes.request import GpuUse
from airflow_bert_service.pipeline.plan import NodePlan, PipelinePlan
from airflow_bert_service.pipeline.version import version_file
from airflow_bert_service.settings.databases import sqlite_file
from airflow_bert_service.settings.gpu import check_nodes
from airflow_bert_service.settings.reading.naming import SECTION
from airflow_bert_service.settings.settings import Settings


def check_containers(plan: PipelinePlan, settings: Settings) -> None:
    """Check the container settings against the pipeline, and against other settings.

    Raises:
        SettingsError: The pipeline has no such node, no node in a container is for a GPU that they ask for, or
            something that nodes write is not mounted: it would be gone with the container.
    """
    chosen = settings.containers
    if not chosen.container_nodes:
        return
    check_nodes("container_nodes", chosen.container_nodes, plan)
    nodes = [node for node in plan.nodes if node.id in chosen.container_nodes]
    if chosen.container_gpus and all(settings.gpu.use_of(node) is GpuUse.NONE for node in nodes):
        raise SettingsError(
            f"[{SECTION}] container_gpus is set, and none of {', '.join(chosen.container_nodes)} is for a GPU; "
            "allowed: container_gpus with a node of gpu_nodes in container_nodes. Name one, or leave it out."
        )
    mounts = _mounts(plan, settings)
    for name, path in _written(settings):
        mount = mount_of(path, mounts)
        if mount is None or mount.read_only:
            raise SettingsError(
                f"[{SECTION}] container_mounts has {', '.join(map(str, chosen.container_mounts)) or 'its default'}, "
                f"where {name} ({path}) is not writable; allowed: mounts that hold all that nodes write, under the "
                f"paths that the settings have. Add SOURCE:{path}, or of a folder above."
            )


def node_container(node: NodePlan, plan: PipelinePlan, settings: Settings) -> NodeContainer | None:
    """Return a node's container; None for a node that runs without one."""
    chosen = settings.containers
    if node.id not in chosen.container_nodes:
        return None
    return NodeContainer(
        image=chosen.container_image,
        python=chosen.container_python,
        mounts=_mounts(plan, settings),
        network=chosen.container_network,
        engine=chosen.container_engine,
        gpus=0 if settings.gpu.use_of(node) is GpuUse.NONE else chosen.container_gpus,
        memory=chosen.container_memory,
    )


def _mounts(plan: PipelinePlan, settings: Settings) -> tuple[ContainerMount, ...]:
    if settings.containers.container_mounts:
        return settings.containers.container_mounts
    state = ContainerMount(str(settings.state), settings.state)
    others = [path for path in _read(plan, settings) if not path.is_relative_to(settings.state)]
    root = settings.pipeline_root
    artifacts = () if root.is_relative_to(settings.state) else (ContainerMount(str(root), root),)
    return (state, *artifacts, *(ContainerMount(str(path), path, read_only=True) for path in others))


def _written(settings: Settings) -> Iterator[tuple[str, Path]]:
    yield "state", settings.state
    yield "artifact_folder", settings.pipeline_root
    for name, address in (("metadata", settings.metadata), ("ledger", settings.ledger)):
        if (file := sqlite_file(address)) is not None:
            yield name, file


def _read(plan: PipelinePlan, settings: Settings) -> Iterator[Path]:
    # Not the whole folder: the image may have its environment there, and a project's folder may hold secrets.
    yield plan.module_root / "tfx_modules"
    yield plan.path
    if plan.code:
        yield plan.code
    if plan.version:
        yield version_file(plan.path)
    if settings.holdout:
        yield settings.holdout
    elif settings.feed.value == "sample":
        yield settings.sample_holdout
