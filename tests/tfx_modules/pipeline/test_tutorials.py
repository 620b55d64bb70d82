"""The settings that the tutorials of own data show compile into the pipeline that they tell of."""

import json
import re
from pathlib import Path

import pytest

from tfx_modules.pipeline import compile as compiling
from tfx_modules.settings.settings import load_settings

TUTORIALS = Path(__file__).parents[3] / "docs" / "tutorial"
SETTINGS = re.compile(r"^```toml title=\"dags/[^\"]+\"\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
SHOWN = [
    found["text"]
    for name in ("tickets", "stars")
    for found in SETTINGS.finditer((TUTORIALS / f"{name}.md").read_text(encoding="utf-8"))
]


def test_the_pages_show_three_pipelines() -> None:
    assert [re.findall(r'^name = "(\w+)"$', text, re.MULTILINE) for text in SHOWN] == [
        ["tickets"],
        ["stars"],
        ["happy"],
    ]


@pytest.mark.parametrize("text", SHOWN)
def test_the_settings_compile_with_their_labels(tmp_path: Path, text: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text, encoding="utf-8")
    settings = load_settings(file)
    ir = json.loads(compiling.to_json(compiling.compile_pipeline(file)))
    assert ir["pipeline_info"]["id"] == settings.name
    trainer = next(
        node["pipeline_node"] for node in ir["nodes"] if node["pipeline_node"]["node_info"]["id"] == "Trainer"
    )
    config = json.loads(trainer["parameters"]["parameters"]["custom_config"]["field_value"]["string_value"])
    assert sorted(config["task"]["labels"]) == sorted(settings.task.labels)
