"""Nodes for a GPU go to the queue and pool of the settings, and are told whether they must have one."""

from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow_bert_service.dag.config import AirflowPipelineConfig, NodeSettings
from airflow_bert_service.dag.runner import AirflowDagRunner
from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.nodes.request import GpuUse
from airflow_bert_service.operators.node import TfxNodeOperator
from airflow_bert_service.pipeline.plan import load_plan
from airflow_bert_service.settings.settings import settings_from

from tests.plugins.compiled import compile_small

TEMPLATES = {"input_base": "a", "range_config": "b", "train_args": "c"}


def dag_with(folder: Path, nodes: dict[str, NodeSettings] | None = None, **keys: str) -> DAG:
    config = AirflowPipelineConfig(nodes=nodes or {}, parameters=TEMPLATES, settings=settings_from(keys))
    return AirflowDagRunner(config).run(load_plan(compile_small(folder / "project")))


def placed(dag: DAG) -> dict[str, tuple[str, str]]:
    """Queue and pool by task, where they are not Airflow's own."""
    return {
        task.task_id: (task.queue, task.pool)
        for task in dag.tasks
        if (task.queue, task.pool) != ("default", "default_pool")
    }


def gpu_uses(dag: DAG) -> dict[str, GpuUse]:
    """The use of a GPU by node, for nodes that use one."""
    nodes: list[Any] = [task for task in dag.tasks if isinstance(task, TfxNodeOperator)]
    return {task.task_id: task.gpu for task in nodes if task.gpu is not GpuUse.NONE}


def test_without_settings_all_tasks_go_the_same_way_and_the_trainer_says_what_it_runs_on(tmp_path: Path) -> None:
    dag = dag_with(tmp_path)
    assert placed(dag) == {}
    assert gpu_uses(dag) == {"Trainer": GpuUse.WANTED}


def test_the_trainer_goes_to_the_queue_and_the_pool(tmp_path: Path) -> None:
    dag = dag_with(tmp_path, gpu_queue="gpu", gpu_pool="one_job", require_gpu="True")
    assert placed(dag) == {"Trainer": ("gpu", "one_job")}
    assert gpu_uses(dag) == {"Trainer": GpuUse.REQUIRED}


def test_other_nodes_can_be_named(tmp_path: Path) -> None:
    dag = dag_with(tmp_path, gpu_nodes="StatisticsGen, Trainer", gpu_queue="gpu")
    assert placed(dag) == {"StatisticsGen": ("gpu", "default_pool"), "Trainer": ("gpu", "default_pool")}
    assert sorted(gpu_uses(dag)) == ["StatisticsGen", "Trainer"]


def test_what_the_dag_file_says_of_a_node_goes_first(tmp_path: Path) -> None:
    dag = dag_with(tmp_path, {"Trainer": NodeSettings(queue="a100", retries=4)}, gpu_queue="gpu", gpu_pool="one_job")
    assert placed(dag) == {"Trainer": ("a100", "one_job")}
    assert dag.get_task("Trainer").retries == 4


def test_a_node_that_the_pipeline_does_not_have_is_refused(tmp_path: Path) -> None:
    message = r"\[bert_service\] gpu_nodes has Trainr; allowed: nodes of the pipeline 'small', which are .*Trainer"
    with pytest.raises(SettingsError, match=message):
        dag_with(tmp_path, gpu_nodes="Trainr")


def test_require_gpu_is_true_or_false() -> None:
    with pytest.raises(SettingsError, match=r"require_gpu is 'yes'; allowed: true, false\. Correct it"):
        settings_from({"require_gpu": "yes"})
