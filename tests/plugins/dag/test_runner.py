"""A plan becomes a real Airflow DAG with the same tasks and the same edges."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import DAG
from airflow.serialization.definitions.dag import SerializedDAG
from airflow.serialization.serialized_objects import DagSerialization
from airflow_bert_service.dag.config import AirflowPipelineConfig, NodeSettings
from airflow_bert_service.dag.runner import NODE_DOCS, REPORTS, AirflowDagRunner
from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.operators.approval import TfxApprovalOperator
from airflow_bert_service.operators.node import TfxNodeOperator
from airflow_bert_service.pipeline.execution_options import APPROVAL
from airflow_bert_service.pipeline.plan import PipelinePlan, load_plan
from airflow_bert_service.runs.mode import full_only
from airflow_bert_service.settings.settings import Settings, settings_from

from tests.plugins.compiled import SMALL_IR, compile_small

GOLDEN = Path(__file__).parents[2] / "tfx_modules" / "golden" / "bert_sentiment.json"
TEMPLATES = {
    "input_base": "{{ params.base }}",
    "range_config": "{{ params.range }}",
    "train_args": '{"num_steps": {{ params.steps }} }',
}


@pytest.fixture
def plan(tmp_path: Path) -> PipelinePlan:
    return load_plan(compile_small(tmp_path / "project"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_from({"state": str(tmp_path / "var"), "metadata": "postgresql://tfx:secret@db/mlmd"})


def edges_of(dag: DAG | SerializedDAG) -> set[tuple[str, str]]:
    return {(task.task_id, downstream) for task in dag.tasks for downstream in task.downstream_task_ids}


def test_tasks_and_edges_are_those_of_the_ir(plan: PipelinePlan, settings: Settings) -> None:
    dag = AirflowDagRunner(AirflowPipelineConfig({"schedule": None}, parameters=TEMPLATES, settings=settings)).run(plan)
    ir = [entry["pipeline_node"] for entry in json.loads(SMALL_IR.read_text())["nodes"]]
    assert dag.dag_id == "small"
    assert dag.task_ids == [node["node_info"]["id"] for node in ir]
    assert edges_of(dag) == {
        (node["node_info"]["id"], downstream) for node in ir for downstream in node.get("downstream_nodes", ())
    }


def test_the_dag_gets_airflows_own_arguments(plan: PipelinePlan, settings: Settings) -> None:
    arguments = {"schedule": None, "max_active_runs": 3, "tags": ["x"], "default_args": {"retries": 2}}
    dag = AirflowDagRunner(AirflowPipelineConfig(arguments, parameters=TEMPLATES, settings=settings)).run(plan)
    assert (dag.max_active_runs, dag.tags, dag.get_task("Trainer").retries) == (3, {"x"}, 2)


def test_settings_of_a_node_reach_its_task_alone(plan: PipelinePlan, settings: Settings) -> None:
    trainer = NodeSettings(
        queue="gpu",
        pool="training",
        pool_slots=2,
        retries=5,
        retry_delay=dt.timedelta(minutes=7),
        execution_timeout=dt.timedelta(hours=3),
        priority_weight=9,
        pre_execute=full_only,
    )
    config = AirflowPipelineConfig(nodes={"Trainer": trainer}, parameters=TEMPLATES, settings=settings)
    dag = AirflowDagRunner(config).run(plan)
    task, other = dag.get_task("Trainer"), dag.get_task("StatisticsGen")
    # Airflow keeps what is called beforehand under another name.
    names = {name: "_pre_execute_hook" if name == "pre_execute" else name for name in vars(trainer)}
    assert {name: getattr(task, kept) for name, kept in names.items()} == vars(trainer)
    assert (other.queue, other.pool, other.execution_timeout) == ("default", "default_pool", None)


def test_each_node_gets_the_templates_that_it_declares(plan: PipelinePlan, settings: Settings) -> None:
    config = AirflowPipelineConfig(parameters=TEMPLATES, settings=settings, use_cache="{{ params.use_cache }}")
    dag = AirflowDagRunner(config).run(plan)
    tasks = [task for task in dag.tasks if isinstance(task, TfxNodeOperator)]
    assert {task.task_id: task.parameters for task in tasks} == {
        "CsvExampleGen": {name: TEMPLATES[name] for name in ("input_base", "range_config")},
        "StatisticsGen": {},
        "LatestTuned": {},
        "Trainer": {"train_args": TEMPLATES["train_args"]},
    }
    assert {task.use_cache for task in tasks} == {"{{ params.use_cache }}"}


def test_tasks_say_what_they_do(plan: PipelinePlan, settings: Settings) -> None:
    dag = AirflowDagRunner(AirflowPipelineConfig(parameters=TEMPLATES, settings=settings)).run(plan)
    assert dag.get_task("LatestTuned").doc_md == NODE_DOCS["tfx.dsl.components.common.resolver.Resolver"]


def asking(root: Path, hours: float) -> PipelinePlan:
    """The small pipeline, with a node that asks a person and waits so long."""
    path = compile_small(root)
    ir = json.loads(path.read_text())
    node = next(one["pipeline_node"] for one in ir["nodes"] if one["pipeline_node"]["node_info"]["id"] == "Trainer")
    node["node_info"]["type"]["name"] = APPROVAL
    terms = {"field_value": {"string_value": json.dumps({"hours": hours, "timeout": "reject"})}}
    node["parameters"]["parameters"]["request"] = terms
    path.write_text(json.dumps(ir))
    return load_plan(path)


def test_the_node_that_asks_a_person_becomes_airflows_own_kind_of_request(tmp_path: Path, settings: Settings) -> None:
    arguments = {"params": {"steps": 3}, "default_args": {"execution_timeout": dt.timedelta(minutes=5), "retries": 2}}
    plan = asking(tmp_path / "project", hours=2)
    dag = AirflowDagRunner(AirflowPipelineConfig(arguments, parameters=TEMPLATES, settings=settings)).run(plan)
    task = dag.get_task("Trainer")
    assert isinstance(task, HITLOperator)
    assert isinstance(task, TfxApprovalOperator)
    assert (task.options, task.defaults, task.response_timeout) == (
        ["Approve", "Reject"],
        ["Reject"],
        dt.timedelta(hours=2),
    )
    # The form has its own field alone, and templates still have the run's parameters.
    assert list(task.serialized_params) == ["reason"]
    assert (task.execution_timeout, task.retries, task.parameters) == (
        dt.timedelta(minutes=5),
        2,
        {"train_args": TEMPLATES["train_args"]},
    )
    kept = DagSerialization.to_dict(dag)
    assert edges_of(DagSerialization.from_dict(kept)) == edges_of(dag)
    assert "secret" not in json.dumps(kept)


def test_a_run_does_not_wait_for_a_person_until_its_model_is_removed(tmp_path: Path) -> None:
    plan = asking(tmp_path / "project", hours=25)

    def runner(days: int) -> AirflowDagRunner:
        kept = settings_from({"state": str(tmp_path), "keep_artifact_days": str(days)})
        return AirflowDagRunner(AirflowPipelineConfig(parameters=TEMPLATES, settings=kept))

    with pytest.raises(
        SettingsError, match=r"keep_artifact_days is 2, and a run takes up to 3 days: .*allowed: 0 \(all\)"
    ):
        runner(days=2).run(plan)
    for days in (0, 3):
        assert runner(days).run(plan).has_task("Trainer")


def test_components_of_tfx_with_the_names_of_ours_are_not_described_as_ours(tmp_path: Path, settings: Settings) -> None:
    path = compile_small(tmp_path / "project")
    path.write_text(path.read_text().replace("statistics_gen.component.StatisticsGen", "x.component.ExampleValidator"))
    config = AirflowPipelineConfig(parameters=TEMPLATES, settings=settings)
    task = AirflowDagRunner(config).run(load_plan(path)).get_task("StatisticsGen")
    assert isinstance(task, TfxNodeOperator)
    assert "of type `tfx.components.x.component.ExampleValidator`" in str(task.doc_md)
    assert task.report_output == ""  # it makes no report


def test_reports_are_looked_for_in_outputs_that_the_pipeline_s_nodes_have() -> None:
    nodes = [item["pipeline_node"] for item in json.loads(GOLDEN.read_text(encoding="utf-8"))["nodes"]]
    outputs = {node["node_info"]["type"]["name"]: set(node.get("outputs", {}).get("outputs", ())) for node in nodes}
    assert {kind: output for kind, (output, _) in REPORTS.items() if output not in outputs.get(kind, ())} == {}


def test_airflow_can_keep_the_dag_and_no_password_is_in_it(plan: PipelinePlan, settings: Settings) -> None:
    dag = AirflowDagRunner(AirflowPipelineConfig(parameters=TEMPLATES, settings=settings)).run(plan)
    kept = DagSerialization.to_dict(dag)
    assert edges_of(DagSerialization.from_dict(kept)) == edges_of(dag)
    assert "secret" not in json.dumps(kept)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"nodes": {"Trianer": NodeSettings()}},
            r"names Trianer; known: CsvExampleGen, StatisticsGen, LatestTuned, Tra",
        ),
        (
            {"parameters": {**TEMPLATES, "epochs": "2"}},
            r"names epochs; known: input_base, range_config, seed, train_args",
        ),
        ({"parameters": {"input_base": "/x"}}, r"no template for range_config, train_args.*given: input_base"),
    ],
    ids=["node", "parameter", "missing parameter"],
)
def test_a_configuration_that_does_not_fit_is_refused(
    plan: PipelinePlan, settings: Settings, wrong: dict[str, Any], message: str
) -> None:
    arguments: dict[str, Any] = {"parameters": TEMPLATES, "settings": settings, **wrong}
    config = AirflowPipelineConfig(**arguments)
    with pytest.raises(SettingsError, match=message):
        AirflowDagRunner(config).run(plan)


def test_the_dags_id_is_the_pipelines(settings: Settings) -> None:
    with pytest.raises(SettingsError, match=r"has dag_id 'mine'.*rename the pipeline"):
        AirflowPipelineConfig({"dag_id": "mine"}, settings=settings)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"pool_slots": 0}, r"pool_slots is 0; allowed: 1 or more"),
        ({"retries": -1}, r"retries is -1; allowed: 0 or more"),
        ({"execution_timeout": dt.timedelta(0)}, r"execution_timeout is 0:00:00; allowed: more than 0 seconds"),
    ],
)
def test_limits_of_node_settings(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        NodeSettings(**values)
