"""How the stack starts its services."""

from itertools import pairwise
from pathlib import Path

from scripts.stack.paths import StackPaths
from scripts.stack.pipeline import further_pipelines
from scripts.stack.ports import Ports
from scripts.stack.services import model_server


def flags_of(paths: StackPaths) -> dict[str, str]:
    """The model server's flags with a value."""
    words = model_server(paths, Ports(), {}).command[3:]
    return {word: value for word, value in pairwise(words) if word.startswith("--")}


def test_the_model_server_has_the_model_of_the_pipeline(tmp_path: Path) -> None:
    flags = flags_of(StackPaths(tmp_path, tmp_path / "state"))
    assert flags["--model_name"] == "bert_sentiment"
    assert flags["--model_base_path"] == str(tmp_path / "state" / "models" / "bert_sentiment")
    assert "--model_config_file" not in flags


def test_of_several_pipelines_it_has_the_model_of_each(tmp_path: Path) -> None:
    for name in ("tickets", "stars"):
        folder = tmp_path / "dags" / "bert_pipelines" / name
        folder.mkdir(parents=True)
        (folder / "settings.toml").write_text(f'name = "{name}"\n')
    config = Path(flags_of(StackPaths(tmp_path, tmp_path / "state"))["--model_config_file"]).read_text()
    assert further_pipelines(tmp_path / "dags") == ["stars", "tickets"]
    for name in ("bert_sentiment", "stars", "tickets"):
        assert f'name: "{name}"\n    base_path: "{tmp_path / "state" / "models" / name}"' in config
