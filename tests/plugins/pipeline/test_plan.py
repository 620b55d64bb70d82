"""A compiled pipeline is read as data, and only when it belongs to the sources that are there."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from airflow_bert_service.exceptions import CompiledPipelineError
from airflow_bert_service.pipeline.execution_options import ApprovalTerms
from airflow_bert_service.pipeline.plan import NodePlan, ParameterPlan, ParameterType, PipelinePlan, load_plan, parse_ir
from hypothesis import given
from hypothesis import strategies as st

from tests.plugins.compiled import SMALL_IR, compile_small

REAL_IR = Path(__file__).parents[3] / "dags" / "compiled" / "bert_sentiment.json"


@pytest.fixture
def compiled(tmp_path: Path) -> Path:
    return compile_small(tmp_path)


def test_nodes_edges_and_parameters_come_from_the_ir(compiled: Path, tmp_path: Path) -> None:
    plan = load_plan(compiled)
    assert plan == PipelinePlan(
        id="small",
        nodes=(
            NodePlan(
                "CsvExampleGen",
                "tfx.components.example_gen.csv_example_gen.component.CsvExampleGen",
                (),
                (
                    ParameterPlan("input_base", ParameterType.STRING, has_default=False),
                    ParameterPlan("range_config", ParameterType.STRING, has_default=False),
                ),
            ),
            NodePlan("StatisticsGen", "tfx.components.statistics_gen.component.StatisticsGen", ("CsvExampleGen",)),
            NodePlan("LatestTuned", "tfx.dsl.components.common.resolver.Resolver", ()),
            NodePlan(
                "Trainer",
                "tfx.components.trainer.component.Trainer",
                ("CsvExampleGen", "LatestTuned", "StatisticsGen"),
                (
                    ParameterPlan("seed", ParameterType.INT, has_default=True, default=7),
                    ParameterPlan("train_args", ParameterType.STRING, has_default=False),
                ),
            ),
        ),
        path=compiled,
        module_root=tmp_path,
    )
    assert plan.roots == ("CsvExampleGen", "LatestTuned")
    assert [node.short_type for node in plan.nodes] == ["CsvExampleGen", "StatisticsGen", "Resolver", "Trainer"]


@pytest.mark.parametrize("suffix", [".json", ".sha256"])
def test_a_missing_file_names_the_command(compiled: Path, suffix: str) -> None:
    compiled.with_suffix(suffix).unlink()
    with pytest.raises(CompiledPipelineError, match=rf"small\{suffix} is missing.*Run `make compile`"):
        load_plan(compiled)


def test_a_stale_pipeline_names_the_command(compiled: Path, tmp_path: Path) -> None:
    (tmp_path / "tfx_modules" / "pipeline.py").write_text("# changed\n")
    with pytest.raises(CompiledPipelineError, match=r"small\.json is stale: it was compiled from .*Run `make compile`"):
        load_plan(compiled)


def test_a_file_that_is_no_ir_names_the_command(compiled: Path) -> None:
    compiled.write_text("half a fi")
    with pytest.raises(CompiledPipelineError, match=r"not a compiled pipeline \(JSONDecodeError.*Run `make compile`"):
        load_plan(compiled)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda ir: ir.pop("pipeline_info"), r"KeyError: 'pipeline_info'"),
        (lambda ir: ir["nodes"][0].update(sub_pipeline=ir["nodes"][0].pop("pipeline_node")), "no subpipelines"),
        (lambda ir: ir["nodes"].reverse(), r"node 'Trainer' comes after CsvExampleGen, LatestTuned, StatisticsGen"),
        (lambda ir: ir["nodes"].append(ir["nodes"][0]), r"two nodes have the id 'CsvExampleGen'"),
    ],
    ids=["no id", "subpipeline", "order", "twice"],
)
def test_an_ir_that_cannot_be_run_is_refused(change: Any, message: str) -> None:
    ir = json.loads(SMALL_IR.read_text())
    change(ir)
    with pytest.raises(CompiledPipelineError, match=message):
        parse_ir(json.dumps(ir), "small.json")


def asking(request: str) -> str:
    """Return the small IR with a node more, before which a person is asked."""
    ir = json.loads(SMALL_IR.read_text())
    parameter = {"request": {"field_value": {"string_value": request}}}
    node = {
        "node_info": {"id": "Approval", "type": {"name": "tfx_modules.components.approval.Approval"}},
        "parameters": {"parameters": parameter},
    }
    ir["nodes"].append({"pipeline_node": node})
    return json.dumps(ir)


@pytest.mark.parametrize(("timeout", "promotes"), [("reject", False), ("promote", True)])
def test_how_a_person_is_asked_comes_from_the_ir(timeout: str, *, promotes: bool) -> None:
    _, nodes = parse_ir(asking(json.dumps({"hours": 1.5, "timeout": timeout})), "small.json")
    terms = ApprovalTerms(dt.timedelta(hours=1.5), promotes)
    assert [node.approval for node in nodes] == [None, None, None, None, terms]
    assert PipelinePlan("small", nodes, SMALL_IR, SMALL_IR.parent).approval_wait == dt.timedelta(hours=1.5)


@pytest.mark.parametrize(
    "request_", ["", "[]", '{"hours": "two", "timeout": "reject"}', '{"hours": 2, "timeout": "?"}']
)
def test_a_request_of_another_form_is_refused(request_: str) -> None:
    with pytest.raises(
        CompiledPipelineError, match=r"has the request .*allowed: JSON with hours, a number, and timeout"
    ):
        parse_ir(asking(request_), "small.json")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)
    )
)
def test_any_other_json_is_refused(value: object) -> None:
    with pytest.raises(CompiledPipelineError, match=r"not a compiled pipeline"):
        parse_ir(json.dumps(value), "x.json")


def test_the_projects_own_pipeline() -> None:
    pipeline_id, nodes = parse_ir(REAL_IR.read_text(), REAL_IR.name)
    assert pipeline_id == "bert_sentiment"
    parameters = {node.id: {parameter.name for parameter in node.parameters} for node in nodes}
    assert {node: names for node, names in parameters.items() if names} == {
        "CsvExampleGen": {"input_base", "range_config", "span_versions", "holdout"},
        "Tuner": {"tune"},
        "Trainer": {"holdout", "train_args"},
        "Pusher": {"holdout", "promotion", "push_destination"},
    }
