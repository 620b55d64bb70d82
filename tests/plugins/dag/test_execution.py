"""What TFX's IR says on a node's execution becomes retries, time limit and trigger rule of its Airflow task."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, TriggerRule
from airflow_bert_service.dag.config import AirflowPipelineConfig, NodeSettings
from airflow_bert_service.dag.runner import FAILED_NODES, AirflowDagRunner
from airflow_bert_service.exceptions import CompiledPipelineError
from airflow_bert_service.operators.node import TfxNodeOperator
from airflow_bert_service.pipeline.plan import load_plan, parse_ir
from airflow_bert_service.settings.settings import settings_from

from tests.plugins.compiled import SMALL_IR, compile_small
from tests.plugins.gate_run import migrate, run_dag

COMPLETED = "ALL_UPSTREAM_NODES_COMPLETED"
CONDITION: dict[str, Any] = {"conditionals": {"cond_1": {"placeholder_expression": {}}}}
TEMPLATES = {"input_base": "/x", "range_config": "{}", "train_args": "{}"}


def ir_with(options: dict[str, dict[str, Any]], conditions: tuple[str, ...] = ()) -> str:
    """The small pipeline, with execution options by node, and conditions of some nodes."""
    ir = json.loads(SMALL_IR.read_text())
    for entry in ir["nodes"]:
        node = entry["pipeline_node"]
        node["execution_options"] = options.get(node["node_info"]["id"], {"caching_options": {"enable_cache": True}})
        if node["node_info"]["id"] in conditions:
            node["inputs"] = {**node.get("inputs", {}), **CONDITION}
    return json.dumps(ir)


def dag_of(tmp_path: Path, ir: str, default_args: dict[str, Any] | None = None, **nodes: NodeSettings) -> DAG:
    path = compile_small(tmp_path / "project")
    path.write_text(ir)
    config = AirflowPipelineConfig(
        {"default_args": default_args or {}},
        nodes=nodes,
        parameters=TEMPLATES,
        settings=settings_from({"state": str(tmp_path / "var")}),
    )
    return AirflowDagRunner(config).run(load_plan(path))


def rules_of(dag: DAG) -> dict[str, str]:
    return {task.task_id: TriggerRule(task.trigger_rule).value for task in dag.tasks}


def test_retries_and_time_limit_of_the_pipeline_go_before_the_dags(tmp_path: Path) -> None:
    options = {"Trainer": {"max_execution_retries": 2, "execution_timeout_sec": 90}}
    common = {"retries": 1, "execution_timeout": dt.timedelta(hours=1)}
    dag = dag_of(tmp_path, ir_with(options), common)
    trainer, other = dag.get_task("Trainer"), dag.get_task("StatisticsGen")
    assert (trainer.retries, trainer.execution_timeout) == (2, dt.timedelta(seconds=90))
    assert (other.retries, other.execution_timeout) == (1, dt.timedelta(hours=1))


def test_no_retries_are_asked_for_too(tmp_path: Path) -> None:
    dag = dag_of(tmp_path, ir_with({"Trainer": {"max_execution_retries": 0}}), {"retries": 1})
    assert dag.get_task("Trainer").retries == 0


def test_settings_of_the_node_go_before_the_pipelines(tmp_path: Path) -> None:
    options = {"Trainer": {"max_execution_retries": 2, "execution_timeout_sec": 90}}
    given = NodeSettings(retries=5, execution_timeout=dt.timedelta(minutes=3))
    trainer = dag_of(tmp_path, ir_with(options), Trainer=given).get_task("Trainer")
    assert (trainer.retries, trainer.execution_timeout) == (5, dt.timedelta(minutes=3))


@pytest.mark.parametrize("strategy", ["TRIGGER_STRATEGY_UNSPECIFIED", "ALL_UPSTREAM_NODES_SUCCEEDED"])
def test_nodes_wait_for_the_success_of_those_before_them(tmp_path: Path, strategy: str) -> None:
    assert set(rules_of(dag_of(tmp_path, ir_with({"Trainer": {"strategy": strategy}}))).values()) == {"all_success"}


def test_nodes_after_one_with_a_condition_are_started_when_it_was_skipped(tmp_path: Path) -> None:
    assert rules_of(dag_of(tmp_path, ir_with({}, conditions=("StatisticsGen",)))) == {
        "CsvExampleGen": "all_success",
        "LatestTuned": "all_success",
        "StatisticsGen": "all_success",
        "Trainer": "none_failed",
    }


def test_so_are_nodes_farther_away(tmp_path: Path) -> None:
    rules = rules_of(dag_of(tmp_path, ir_with({}, conditions=("CsvExampleGen",))))
    assert (rules["StatisticsGen"], rules["Trainer"]) == ("none_failed", "none_failed")


def test_a_node_that_runs_after_failed_ones_does_not_make_the_run_green(tmp_path: Path) -> None:
    dag = dag_of(tmp_path, ir_with({"Trainer": {"strategy": COMPLETED}}))
    assert rules_of(dag)["Trainer"] == "all_done"
    watching = dag.get_task(FAILED_NODES)
    assert rules_of(dag)[FAILED_NODES] == "one_failed"
    assert watching.upstream_task_ids == set(dag.task_ids) - {FAILED_NODES}
    assert watching.downstream_task_ids == set()


def test_an_exit_handler_takes_no_parameter_of_runs(tmp_path: Path) -> None:
    ir = json.loads(ir_with({"Trainer": {"strategy": COMPLETED}}))
    trainer = next(one["pipeline_node"] for one in ir["nodes"] if one["pipeline_node"]["node_info"]["id"] == "Trainer")
    status = {"runtime_parameter": {"name": "final-status", "type": "STRING"}}
    trainer["parameters"]["parameters"]["final_status"] = status
    dag = dag_of(tmp_path, json.dumps(ir))
    (told,) = (task for task in dag.tasks if isinstance(task, TfxNodeOperator) and task.is_exit_handler)
    assert told.task_id == "Trainer"
    assert set(told.parameters) == {"train_args"}
    assert "final-status" not in dag.params


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ends", "states", "told"),
    [
        (
            "Guarded=skipped",
            {"run": "success", "Guarded": "skipped", "After": "success", "Last": "success", FAILED_NODES: "skipped"},
            {"state": "SUCCEEDED"},
        ),
        (
            "Guarded=failed",
            {
                "run": "failed",
                "Guarded": "failed",
                "After": "upstream_failed",
                "Last": "success",
                FAILED_NODES: "failed",
            },
            {"state": "FAILED", "error": {"code": 2, "message": "nodes have failed: After, Guarded"}},
        ),
    ],
)
def test_a_real_run_ends_as_tfx_would_have_it_and_its_exit_handler_hears_of_it(
    tmp_path: Path, ends: str, states: dict[str, str], told: dict[str, Any]
) -> None:
    migrate()
    printed = run_dag("options_dag.py", ends, state=tmp_path)
    assert json.loads(printed.splitlines()[-1]) == {"Gen": "success", "Bye": "success", **states}
    (file,) = tmp_path.rglob("final_status.json")
    status = json.loads(file.read_text())
    run = status.pop("pipelineJobResourceName")
    assert run.startswith("dags/options/dagRuns/")
    assert status == {"pipelineTaskName": "options", **told}


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"strategy": "LAZILY_ALL_UPSTREAM_NODES_SUCCEEDED"}, "strategy LAZILY_ALL_UPSTREAM_NODES_SUCCEEDED"),
        ({"strategy": "LAZILY_ALL_UPSTREAM_NODES_COMPLETED"}, "strategy LAZILY_ALL_UPSTREAM_NODES_COMPLETED"),
        ({"strategy": "LIFETIME_END_WHEN_SUBGRAPH_CANNOT_PROGRESS"}, "strategy LIFETIME_END"),
        ({"node_success_optional": True}, "node_success_optional"),
        ({"reset_stateful_working_dir": True}, "reset_stateful_working_dir"),
        ({"resource_lifetime": {"lifetime_start": "CsvExampleGen"}}, "resource_lifetime"),
        ({"run_mode": "LAUNCH_ONLY"}, "run_mode"),
    ],
)
def test_options_without_a_counterpart_are_refused(options: dict[str, Any], named: str) -> None:
    message = rf"node 'Trainer' has the execution options {named}.*, which have no counterpart in Airflow; allowed: max"
    with pytest.raises(CompiledPipelineError, match=message):
        parse_ir(ir_with({"Trainer": options}), "small.json")
