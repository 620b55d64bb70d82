"""`--pipeline NAME`: which pipeline a command is about."""

import os
from pathlib import Path

import pytest
from airflow_bert_service.cli.main import main
from airflow_bert_service.cli.places import ChosenPipeline, split_pipeline
from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.pipelines.served import write_served
from airflow_bert_service.settings.settings import load_settings, settings_from


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a further pipeline, and settings that lead to it."""
    (tmp_path / "tfx_modules").mkdir()
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__ROOT", str(tmp_path))
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__STATE", str(tmp_path / "state"))
    assert main(["init", "tickets", "--labels", "a,b,c"]) == 0
    return tmp_path


@pytest.mark.parametrize(
    ("words", "name", "others"),
    [
        (["history"], None, ["history"]),
        (["--pipeline", "tickets", "history", "--json"], "tickets", ["history", "--json"]),
        (["history", "--pipeline=tickets"], "tickets", ["history"]),
        (["predict", "--", "--pipeline", "x"], None, ["predict", "--", "--pipeline", "x"]),
        (["--pipe", "tickets"], None, ["--pipe", "tickets"]),
    ],
)
def test_the_flag_is_taken_out_of_the_others(words: list[str], name: str | None, others: list[str]) -> None:
    assert split_pipeline(words) == (name, others)


def test_a_command_has_the_settings_of_its_pipeline(root: Path) -> None:
    default, further = ChosenPipeline.find(None), ChosenPipeline.find("tickets")
    assert (default.name, further.name) == ("bert_sentiment", "tickets")
    assert default.settings == load_settings()
    assert further.settings.spans == root / "state" / "pipelines" / "tickets" / "spans"
    with pytest.raises(SettingsError, match=r"no pipeline 'tickts' .*allowed: bert_sentiment, tickets"):
        ChosenPipeline.find("tickts")


class ExecutedError(Exception):
    """The command that would have replaced this process."""


@pytest.fixture
def executed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = root / "python"
    python.touch()
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__TFX_PYTHON", str(python))

    def execve(_path: str, words: list[str], environment: dict[str, str]) -> None:
        raise ExecutedError(words, environment)

    monkeypatch.setattr(os, "execve", execve)
    monkeypatch.setattr(os, "chdir", lambda _folder: None)


@pytest.mark.usefixtures("executed")
def test_models_reads_the_events_of_its_pipeline(root: Path) -> None:
    with pytest.raises(ExecutedError) as caught:
        main(["models", "--pipeline", "tickets", "history"])
    words, environment = caught.value.args
    assert words[1:] == ["-m", "tfx_modules.promotion", "history"]
    assert environment["BERT_SERVICE_PIPELINE"] == "tickets"
    assert environment["BERT_SERVICE_MODELS"] == str(root / "state" / "models" / "tickets")


@pytest.mark.usefixtures("executed")
def test_a_vertex_endpoint_follows_the_ledger_of_its_pipeline(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/own.json")
    with pytest.raises(ExecutedError) as caught:
        main(["deploy-vertex", "--pipeline", "tickets", "--endpoint", "7001"])
    words, environment = caught.value.args
    assert words[1:] == ["-m", "tfx_modules.vertex.endpoint", "--endpoint", "7001"]
    assert environment["BERT_SERVICE_PIPELINE"] == "tickets"
    assert environment["BERT_SERVICE_LEDGER"] == load_settings().ledger
    assert environment["BERT_SERVICE_MODELS"] == str(root / "state" / "models" / "tickets")
    assert environment["GOOGLE_APPLICATION_CREDENTIALS"] == "/own.json"


@pytest.mark.usefixtures("executed")
def test_serve_has_the_models_of_all_pipelines_unless_one_is_named(root: Path) -> None:
    def flags(*words: str) -> list[str]:
        with pytest.raises(ExecutedError) as caught:
            main(["serve", *words])
        found: list[str] = caught.value.args[0][3:]
        return found

    config = root / "state" / "pipelines" / "models.config"
    assert f"--model_config_file={config}" in flags()
    text = config.read_text()
    for name in ("bert_sentiment", "tickets"):
        assert f'name: "{name}"\n    base_path: "{root / "state" / "models" / name}"' in text
    for own in (["--model_name=x"], ["--model_config_file=/own"], ["--pipeline", "tickets"]):
        assert f"--model_config_file={config}" not in flags(*own)
    assert "--model_name=tickets" in flags("--pipeline", "tickets")


def test_the_config_that_is_served_is_replaced_as_a_whole(root: Path) -> None:
    settings = load_settings()
    assert write_served(settings, ["a"]) == write_served(settings, ["a", "b"])
    assert [path.name for path in (root / "state" / "pipelines").iterdir()] == ["models.config"]


@pytest.mark.parametrize("folder", ["jos\u00e9", "\U0001f4e6"])
def test_the_config_that_is_served_has_every_path_as_it_is(folder: str, tmp_path: Path) -> None:
    settings = settings_from({"state": str(tmp_path / folder)})
    text = write_served(settings, ["tickets"]).read_text(encoding="utf-8")
    assert f'base_path: "{tmp_path / folder / "models" / "tickets"}"' in text
