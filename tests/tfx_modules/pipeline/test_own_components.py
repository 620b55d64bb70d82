"""The guide's pipelines with components of this project compile as a user's own."""

import ast
import datetime as dt
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from google.protobuf import json_format
from jinja2 import Template
from tfx.proto import range_config_pb2

from tfx_modules.components.pusher import read_promotion
from tfx_modules.components.window import day_of
from tfx_modules.pipeline.users.__main__ import main

GUIDE = Path(__file__).parents[3] / "docs" / "how-to" / "own-tfx-pipeline.md"
CODE = re.compile(r"^```python\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
MODEL = "def run_fn(arguments): ...\n"


@pytest.fixture
def shown() -> list[str]:
    """The pipelines and the configurations, as the guide has them."""
    section = GUIDE.read_text(encoding="utf-8").partition("\n## Components of this project in it\n")[2]
    return [found["text"] for found in CODE.finditer(section)]


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], str]]:
    """Compiles the text of a pipeline; returns the IR's text."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "model.py").write_text(MODEL, encoding="utf-8")
    (tmp_path / "compiled").mkdir()

    def compile_(pipeline: str) -> str:
        (tmp_path / "mails_pipeline.py").write_text(pipeline, encoding="utf-8")
        arguments = [f"{tmp_path / 'mails_pipeline.py'}:create_pipeline", "--output", str(tmp_path / "compiled")]
        assert main(arguments) == 0
        return (tmp_path / "compiled" / "pipeline.json").read_text(encoding="utf-8")

    yield compile_
    for name in ("mails_pipeline", "model"):
        sys.modules.pop(name, None)


def types_of(ir: str) -> set[str]:
    found = {item["pipeline_node"]["node_info"]["type"]["name"] for item in json.loads(ir)["nodes"]}
    return {name.removeprefix("tfx_modules.components.") for name in found}


def given_by(configuration: str, ir: str) -> dict[str, str]:
    """The parameters of a configuration; they are those that the compiled pipeline asks for."""
    (call,) = (
        node
        for node in ast.walk(ast.parse(configuration))
        if isinstance(node, ast.Call) and any(one.arg == "parameters" for one in node.keywords)
    )
    (given,) = (ast.literal_eval(one.value) for one in call.keywords if one.arg == "parameters")
    asked = set(re.findall(r'"runtime_parameter": \{\s*"name": "([\w-]+)"', ir)) - {"pipeline-root", "pipeline-run-id"}
    assert asked == set(given)
    return dict(given)


def test_the_promotion_compiles_and_its_configuration_gives_what_it_asks_for(
    compiled: Callable[[str], str], shown: list[str]
) -> None:
    ir = compiled(shown[0])
    assert {"infra_validator.InfraValidator", "pusher.Pusher"} < types_of(ir)
    given = given_by(shown[1], ir)
    run, actor, older = read_promotion(given["promotion"].replace("{{ ds }}", "2026-11-05"))
    assert (run.dag_id, str(run.data_date), actor, older) == ("mails", "2026-11-05", "the DAG mails", False)
    assert json.loads(given["push_destination"])["filesystem"]["base_directory"]
    assert json.loads(given["holdout"]) == {}


def test_the_gate_on_the_data_compiles_and_reads_the_day_of_the_run(
    compiled: Callable[[str], str], shown: list[str]
) -> None:
    ir = compiled(shown[2])
    assert {
        "example_gen.CsvExampleGen",
        "statistics_gen.StatisticsGen",
        "schema_gen.SchemaGen",
        "example_validator.ExampleValidator",
    } < types_of(ir)
    of_run = {"ds": "2026-11-05", "macros": SimpleNamespace(datetime=dt.datetime)}  # as Airflow's templates have them
    given = {name: Template(text).render(of_run) for name, text in given_by(shown[3], ir).items()}
    window = json_format.Parse(given["range_config"], range_config_pb2.RangeConfig()).static_range
    assert day_of(window.start_span_number) == day_of(window.end_span_number) == dt.date(2026, 11, 5)
    assert json.loads(given["span_versions"]) == {"2026-11-05": 1}
