"""The pipelines of a DAGs folder: its own, and those in the folder `bert_pipelines`."""

from pathlib import Path

import pytest
from airflow_bert_service.exceptions import CompiledPipelineError, SettingsError
from airflow_bert_service.installation import module_root_of
from airflow_bert_service.pipeline.compiler import compiled_pipeline
from airflow_bert_service.pipeline.folders import (
    error_file_of,
    folder_of_pipeline,
    further_folders,
    pipeline_folders,
    usable_pipelines,
)
from airflow_bert_service.pipeline.name import pipeline_name
from airflow_bert_service.pipeline.plan import load_plan
from airflow_bert_service.pipeline.source_digest import own_settings


@pytest.fixture
def dags(tmp_path: Path) -> Path:
    """A folder of DAG files with two further pipelines, and `tfx_modules` beside it."""
    (tmp_path / "tfx_modules").mkdir()
    for name in ("tickets", "stars"):
        write(tmp_path / "dags", name, f'name = "{name}"\n')
    return tmp_path / "dags"


def write(dags: Path, name: str, text: str) -> Path:
    folder = dags / "bert_pipelines" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "settings.toml").write_text(text)
    return folder


def test_each_pipeline_has_its_own_files(dags: Path) -> None:
    stars, tickets = further_folders(dags)
    assert pipeline_folders(dags) == (dags, stars, tickets)
    assert usable_pipelines(dags) == {"bert_sentiment": dags, "stars": stars, "tickets": tickets}
    ir = compiled_pipeline(tickets)
    assert ir == tickets / "compiled" / "tickets.json"
    assert own_settings(ir) == tickets / "settings.toml"
    assert module_root_of(tickets) == module_root_of(dags) == dags.parent


@pytest.mark.parametrize("beside", ["tfx_modules", "airflow.cfg"])
def test_a_project_or_an_airflow_may_be_in_a_folder_of_the_same_name(tmp_path: Path, beside: str) -> None:
    home = tmp_path / "bert_pipelines"
    (home / beside).mkdir(parents=True)
    tickets = write(home / "dags", "tickets", 'name = "tickets"\n')
    assert usable_pipelines(home / "dags") == {"bert_sentiment": home / "dags", "tickets": tickets}


def test_a_pipeline_is_found_by_its_name(dags: Path) -> None:
    assert folder_of_pipeline(dags, None) == dags
    assert folder_of_pipeline(dags, "bert_sentiment") == dags
    assert folder_of_pipeline(dags, "stars") == dags / "bert_pipelines" / "stars"
    known = r"no pipeline 'ticket' in .*dags; allowed: bert_sentiment, stars, tickets. Name one of these, or write"
    with pytest.raises(SettingsError, match=known):
        folder_of_pipeline(dags, "ticket")


@pytest.mark.parametrize("text", ["", 'name = "other"\n', "name = 7\n"])
def test_a_pipeline_has_the_name_of_its_folder(dags: Path, text: str) -> None:
    folder = write(dags, "tickets", text)
    with pytest.raises(SettingsError, match=r"setting name is .* allowed: 'tickets', the name of the folder"):
        pipeline_name(folder)
    assert list(usable_pipelines(dags)) == ["bert_sentiment", "stars"], "the others are as they were"


def test_no_two_pipelines_have_the_same_name(dags: Path) -> None:
    (dags / "settings.toml").write_text('name = "tickets"\n')
    assert pipeline_name(dags) == "tickets"
    with pytest.raises(SettingsError, match=r"setting name is 'tickets' .* another name than that in .*settings.toml"):
        pipeline_name(dags / "bert_pipelines" / "tickets")
    assert usable_pipelines(dags) == {"tickets": dags, "stars": dags / "bert_pipelines" / "stars"}


def test_a_settings_file_that_cannot_be_read_concerns_its_own_pipeline_alone(dags: Path) -> None:
    (dags / "settings.toml").write_text("name = \n")
    write(dags, "stars", "[task\n")
    assert list(usable_pipelines(dags)) == ["tickets"]
    with pytest.raises(SettingsError, match=r"stars/settings.toml cannot be read"):
        pipeline_name(dags / "bert_pipelines" / "stars")


@pytest.mark.parametrize("name", ["2stars", "stars_retention", "stars_rollback", "st ars"])
def test_names_that_are_not_allowed(dags: Path, name: str) -> None:
    folder = write(dags, name, f'name = "{name}"\n')
    with pytest.raises(SettingsError, match=r"setting name is .*; allowed: 1 to 64 letters, digits, _ and -"):
        pipeline_name(folder)


def test_a_folder_without_settings_names_the_command(dags: Path) -> None:
    (dags / "bert_pipelines" / "empty").mkdir()
    with pytest.raises(SettingsError, match=r"the pipeline empty has no settings file .*init empty`"):
        pipeline_name(dags / "bert_pipelines" / "empty")


def test_why_a_pipeline_of_a_snapshot_does_not_compile_is_the_error_of_its_dag_file(dags: Path) -> None:
    stars, _ = further_folders(dags)
    error_file_of(stars).parent.mkdir()
    error_file_of(stars).write_text("setting gate.level is 7")
    with pytest.raises(CompiledPipelineError, match=r"setting gate\.level is 7"):
        load_plan(compiled_pipeline(stars))
