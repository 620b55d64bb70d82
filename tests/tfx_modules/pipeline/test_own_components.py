"""The guide's pipeline with components of this project compiles as a user's own."""

import ast
import json
import re
import sys
from pathlib import Path

import pytest

from tfx_modules.components.pusher import read_promotion
from tfx_modules.pipeline.users.__main__ import main

GUIDE = Path(__file__).parents[3] / "docs" / "how-to" / "own-tfx-pipeline.md"
CODE = re.compile(r"^```python\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
MODEL = "def run_fn(arguments): ...\n"


@pytest.fixture
def shown() -> list[str]:
    """The pipeline and the configuration, as the guide has them."""
    section = GUIDE.read_text(encoding="utf-8").partition("\n## Components of this project in it\n")[2]
    return [found["text"] for found in CODE.finditer(section)]


def test_it_compiles_and_its_configuration_gives_what_it_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shown: list[str]
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    pipeline, configuration = shown
    (tmp_path / "mails_pipeline.py").write_text(pipeline, encoding="utf-8")
    (tmp_path / "model.py").write_text(MODEL, encoding="utf-8")
    (tmp_path / "compiled").mkdir()
    try:
        arguments = [f"{tmp_path / 'mails_pipeline.py'}:create_pipeline", "--output", str(tmp_path / "compiled")]
        assert main(arguments) == 0
    finally:
        for name in ("mails_pipeline", "model"):
            sys.modules.pop(name, None)
    ir = (tmp_path / "compiled" / "pipeline.json").read_text(encoding="utf-8")
    types = {item["pipeline_node"]["node_info"]["type"]["name"] for item in json.loads(ir)["nodes"]}
    assert {f"tfx_modules.components.{name}" for name in ("infra_validator.InfraValidator", "pusher.Pusher")} < types
    (call,) = (node for node in ast.walk(ast.parse(configuration)) if isinstance(node, ast.Call))
    (given,) = (ast.literal_eval(one.value) for one in call.keywords if one.arg == "parameters")
    asked = set(re.findall(r'"runtime_parameter": \{\s*"name": "([\w-]+)"', ir)) - {"pipeline-root", "pipeline-run-id"}
    assert asked == set(given)
    run, actor, older = read_promotion(given["promotion"].replace("{{ ds }}", "2026-11-05"))
    assert (run.dag_id, str(run.data_date), actor, older) == ("mails", "2026-11-05", "the DAG mails", False)
    assert json.loads(given["push_destination"])["filesystem"]["base_directory"]
    assert json.loads(given["holdout"]) == {}
