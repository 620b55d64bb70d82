"""Defines what makes an Airflow DAG of a compiled pipeline, beside TFX's IR: the tasks' and the DAG's arguments."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from airflow_bert_service.dag.containers import check_containers
from airflow_bert_service.dag.users_parameters import run_parameters_of, template_of
from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.nodes.request import GpuUse
from airflow_bert_service.pipeline.plan import NodePlan, PipelinePlan
from airflow_bert_service.settings.settings import Settings, load_settings

if TYPE_CHECKING:
    from airflow.sdk import Context


@dataclass(frozen=True, kw_only=True)
class NodeSettings:
    """Task arguments of one node; ``None`` leaves an argument to the pipeline, the DAG's ``default_args`` and Airflow.

    Retries and time limit that a component's ``node_execution_options`` set go before ``default_args``.
    """

    queue: str | None = None
    """Queue of the executor (Celery); ignored by executors without queues."""
    pool: str | None = None
    """Pool that the task takes slots of."""
    pool_slots: int | None = None
    """How many slots, 1 or more."""
    retries: int | None = None
    """How often Airflow retries the task after a failure, 0 or more. A task that a gate failed is never retried."""
    retry_delay: dt.timedelta | None = None
    """Pause before a retry."""
    execution_timeout: dt.timedelta | None = None
    """Time limit of one try; the node's whole process group is killed after it."""
    priority_weight: int | None = None
    """Weight in the scheduler's queue."""
    pre_execute: Callable[["Context"], None] | None = None
    """Called before the node is run, such as :func:`airflow_bert_service.runs.mode.full_only`; raising Airflow's
    ``AirflowSkipException`` there skips the task."""

    def __post_init__(self) -> None:
        """Check the values that have a limit."""
        if self.pool_slots is not None and self.pool_slots < 1:
            raise _limit("pool_slots", self.pool_slots, "1 or more")
        if self.retries is not None and self.retries < 0:
            raise _limit("retries", self.retries, "0 or more")
        if self.execution_timeout is not None and self.execution_timeout <= dt.timedelta(0):
            raise _limit("execution_timeout", self.execution_timeout, "more than 0 seconds")

    def task_arguments(self) -> dict[str, Any]:
        """Return what was set, as arguments of an Airflow operator."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class AirflowPipelineConfig:
    """What :class:`~airflow_bert_service.dag.runner.AirflowDagRunner` needs beside the plan.

    It has the name of TFX's class, but is no ``PipelineConfig``: nodes run by the node command only, so there are no
    launchers to choose from.
    """

    airflow_dag_config: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of ``airflow.sdk.DAG``, without ``dag_id``, which is the pipeline's id."""
    nodes: Mapping[str, NodeSettings] = field(default_factory=dict, kw_only=True)
    """Settings by node id, for the nodes that need some."""
    parameters: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    """Jinja templates by name of runtime parameter; each node gets those that it declares.

    A runtime parameter of a user's own pipeline that has none becomes a parameter of runs of the DAG."""
    use_cache: str = field(default="True", kw_only=True)
    """Jinja template that gives ``True`` or ``False``: whether nodes may reuse outputs of earlier runs."""
    settings: Settings = field(default_factory=load_settings, kw_only=True)
    """Where nodes run, and where they leave what they make; left out: as ``[bert_service]`` says."""

    def __post_init__(self) -> None:
        """Check what can be checked without a plan."""
        if "dag_id" in self.airflow_dag_config:
            raise SettingsError(
                f"airflow_dag_config has dag_id {self.airflow_dag_config['dag_id']!r}; the DAG's id is always the "
                "pipeline's. Remove it, or rename the pipeline in tfx_modules/settings.toml."
            )

    def check(self, plan: PipelinePlan) -> None:
        """Check that nodes, parameters and settings fit a plan.

        Raises:
            SettingsError: It names a node or parameter that the plan does not have, or lacks a template for a parameter
                that has no default; or retention would remove what a run needs that waits for a person.
        """
        self.settings.retention.check_waiting_run(self.settings.limits.run, plan.approval_wait)
        self.settings.gpu.check(plan)
        check_containers(plan, self.settings)
        declared = [parameter for node in plan.nodes for parameter in node.parameters]
        _check_known("nodes", self.nodes, [node.id for node in plan.nodes], plan)
        _check_known("parameters", self.parameters, [parameter.name for parameter in declared], plan)
        needed = {parameter.name for parameter in declared if not parameter.has_default}
        if missing := sorted(needed - set(self.templates(plan))):
            raise SettingsError(
                f"parameters of the pipeline {plan.id!r} has no template for {', '.join(missing)}, and these have "
                f"no default; given: {', '.join(self.parameters) or 'none'}. Add one for each."
            )

    def run_parameters(self, plan: PipelinePlan) -> dict[str, Any]:
        """Return the parameters of runs: those of ``airflow_dag_config``, after those of a user's own pipeline."""
        given = self.airflow_dag_config.get("params") or {}
        # By items(): Airflow's own kind of dictionary gives values for keys, without their types.
        return {**run_parameters_of(plan, self.parameters), **dict(given.items())}

    def templates(self, plan: PipelinePlan) -> Mapping[str, str]:
        """Return a template for each runtime parameter, as far as there is one."""
        made = {name: template_of(name) for name in run_parameters_of(plan, self.parameters)}
        return {**made, **self.parameters}

    def node_settings(self, node: NodePlan) -> NodeSettings:
        """Return a node's settings; a GPU node gets the settings' GPU queue and pool unless it has its own.

        Args:
            node: One of the plan's.
        """
        given, gpu = self.nodes.get(node.id, NodeSettings()), self.settings.gpu
        if gpu.use_of(node) is GpuUse.NONE:
            return given
        return replace(given, queue=given.queue or gpu.gpu_queue or None, pool=given.pool or gpu.gpu_pool or None)


def _limit(name: str, value: object, allowed: str) -> SettingsError:
    return SettingsError(f"NodeSettings.{name} is {value}; allowed: {allowed}. Change it, or leave it out.")


def _check_known(what: str, given: Iterable[str], known: Iterable[str], plan: PipelinePlan) -> None:
    if unknown := sorted(set(given) - set(known)):
        raise SettingsError(
            f"{what} of the pipeline {plan.id!r} names {', '.join(unknown)}; known: "
            f"{', '.join(dict.fromkeys(known)) or 'none'}. Rename or remove it."
        )
