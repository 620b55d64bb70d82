"""Settings of nodes that are for a GPU: the keys ``gpu_*`` and ``require_gpu`` of ``[bert_service]``.

:class:`~airflow_bert_service.dag.config.AirflowPipelineConfig` applies them. ``docs/how-to/cluster.md`` tells how
workers and the pool are set up.
"""

from collections.abc import Collection
from dataclasses import dataclass

from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.nodes.request import GpuUse
from airflow_bert_service.pipeline.plan import NodePlan, PipelinePlan
from airflow_bert_service.settings.reading.declared import SettingsGroup
from airflow_bert_service.settings.reading.naming import SECTION

GPU_TYPES = frozenset({"Trainer", "Tuner"})


@dataclass(frozen=True, kw_only=True)
class GpuSettings(SettingsGroup):
    """Which nodes are for a GPU, and where they run.

    With the default values they run like all others. Not what TensorFlow does with a GPU: that is the training's.
    """

    gpu_nodes: tuple[str, ...] = ()
    """Ids of the nodes, with commas between them; empty: those of the types Trainer and Tuner."""
    gpu_queue: str = ""
    """Queue of the executor (Celery) that their tasks go to; empty: the same as all others."""
    gpu_pool: str = ""
    """Airflow pool that each of their tasks takes a slot of; empty: the same as all others. It has to exist."""
    require_gpu: bool = False
    """Whether they fail where TensorFlow sees no GPU; else they run on the CPU then, and their log says so."""

    def use_of(self, node: NodePlan) -> GpuUse:
        """Return how a node uses GPUs."""
        if not (node.id in self.gpu_nodes if self.gpu_nodes else node.short_type in GPU_TYPES):
            return GpuUse.NONE
        return GpuUse.REQUIRED if self.require_gpu else GpuUse.WANTED

    def check(self, plan: PipelinePlan) -> None:
        """Check the nodes' names.

        Raises:
            SettingsError: The pipeline has no such node.
        """
        check_nodes("gpu_nodes", self.gpu_nodes, plan)


def check_nodes(key: str, given: Collection[str], plan: PipelinePlan) -> None:
    """Check ids of nodes.

    Raises:
        SettingsError: The pipeline does not have one of them.
    """
    known = [node.id for node in plan.nodes]
    if unknown := [name for name in given if name not in known]:
        raise SettingsError(
            f"[{SECTION}] {key} has {', '.join(unknown)}; allowed: nodes of the pipeline {plan.id!r}, which "
            f"are {', '.join(known)}. Correct it, or leave it out."
        )
