"""The guide's pipelines with components of this project compile as a user's own."""

import ast
import datetime as dt
import json
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from google.protobuf import json_format
from jinja2 import Template
from tfx.proto import range_config_pb2

from tests.tfx_modules.promotion.conftest import Site
from tfx_modules import promotion
from tfx_modules.components.pusher import read_promotion
from tfx_modules.components.window import day_of
from tfx_modules.pipeline.users.__main__ import main
from tfx_modules.promotion.command import main as promotion_command
from tfx_modules.promotion.ledger import open_ledger
from tfx_modules.promotion.repository import ModelRepository

GUIDE = Path(__file__).parents[3] / "docs" / "how-to" / "own-tfx-pipeline.md"
CODE = re.compile(r"^```python\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
SHELL = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECTION = GUIDE.read_text(encoding="utf-8").partition("\n## Components of this project in it\n")[2]
MODEL = "def run_fn(arguments): ...\n"


@pytest.fixture
def shown() -> list[str]:
    """The pipelines and the configurations, as the guide has them."""
    return [found["text"] for found in CODE.finditer(SECTION)]


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


def test_what_it_promotes_can_be_rolled_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], shown: list[str]
) -> None:
    shell = next(found for found in SHELL.findall(SECTION) if "tfx_modules.promotion" in found)
    (_, *exported), (_, _, module, *arguments) = map(shlex.split, shell.splitlines())
    variables = {
        name: value.replace("/srv/bert", str(tmp_path)) for name, value in (one.split("=", 1) for one in exported)
    }
    assert "/srv/bert/models/mails" in shown[1], "it is about the folder that the configuration names"
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert module == promotion.__name__
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger/ledger.db", "mails")
    site = Site(tmp_path, ledger, ModelRepository(tmp_path / "models" / "mails"))
    for day in (4, 5):
        site.promote(site.candidate(day))
    assert promotion_command(arguments) == 0
    assert capsys.readouterr().out.endswith("from 2026110501 to 2026110401: it takes invitations for spam\n")
    assert site.served == 2026110401


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
