"""The pipeline's name: where it is read, what it may be, and what follows it."""

import json
from pathlib import Path

import pytest
from airflow_bert_service.bundle.snapshots import SnapshotStore
from airflow_bert_service.cli.main import main
from airflow_bert_service.clients.ledger import PromotionEnvironment, promotion_environment
from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.pipeline.compiler import compiled_pipeline
from airflow_bert_service.pipeline.name import ALLOWED, dag_ids, pipeline_name
from airflow_bert_service.runs.log_folders import log_folders
from airflow_bert_service.settings.settings import settings_from

from tests.plugins.toy_project import ToyProject, publish
from tests.support.airflow_home import PROJECT_ROOT
from tests.support.contracts import schema


@pytest.fixture
def dags(tmp_path: Path) -> Path:
    """A folder of DAG files, with `tfx_modules` beside it."""
    for name in ("dags", "tfx_modules"):
        (tmp_path / name).mkdir()
    return tmp_path / "dags"


def test_the_settings_file_beside_the_dag_files_goes_before_the_one_of_the_modules(dags: Path) -> None:
    assert pipeline_name(dags) == "bert_sentiment", "the default"
    (dags.parent / "tfx_modules" / "settings.toml").write_text('name = "of_the_modules"\n')
    assert pipeline_name(dags) == "of_the_modules"
    (dags / "settings.toml").write_text('name = "film_sentiment"\n[gate]\nlevel = 0.1\n')
    assert pipeline_name(dags) == "film_sentiment"
    assert compiled_pipeline(dags) == dags / "compiled" / "film_sentiment.json"
    (dags / "settings.toml").write_text("[gate]\nlevel = 0.1\n")
    assert pipeline_name(dags) == "bert_sentiment", "a file that leaves the name out has the default"


@pytest.mark.parametrize("name", ["a", "film-sentiment", "Film_2", "x" * 64])
def test_names_that_are_allowed(dags: Path, name: str) -> None:
    (dags / "settings.toml").write_text(f'name = "{name}"\n')
    assert pipeline_name(dags) == name


@pytest.mark.parametrize(
    "text",
    [
        '""',
        '"2films"',
        '"a.withdrawn"',
        '"../films"',
        '"films/own"',
        '"x y"',
        '"für"',
        '"films\\n"',
        f'"{"x" * 65}"',
        '"films_retention"',
        '"films_rollback"',
        '"films_scoring"',
        "7",
    ],
)
def test_names_that_are_not_allowed(dags: Path, text: str) -> None:
    (dags / "settings.toml").write_text(f"name = {text}\n")
    with pytest.raises(SettingsError, match=r"setting name is .*settings.toml; allowed: 1 to 64 letters, digits, _ "):
        pipeline_name(dags)


def test_a_settings_file_that_is_no_toml_is_named(dags: Path) -> None:
    (dags / "settings.toml").write_text("name = film\n")
    with pytest.raises(SettingsError, match=r"settings file .*dags/settings.toml cannot be read .*Correct the file"):
        pipeline_name(dags)


def test_both_sides_allow_the_same_names() -> None:
    allowed = schema("compiled_pipeline")["properties"]["pipeline_info"]["properties"]["id"]
    assert allowed["pattern"] == f"^{ALLOWED.pattern}$"
    assert allowed["not"]["pattern"] == "_(retention|rollback|scoring)$"


def test_models_ledger_servers_and_logs_follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__LOGGING__BASE_LOG_FOLDER", str(tmp_path))
    for dag_id in (*dag_ids("film_sentiment"), "film_sentiment_2", "bert_sentiment"):
        (tmp_path / f"dag_id={dag_id}").mkdir()
    servers = "http://one:8501 http://two:8501/v1/models/another/"
    settings = settings_from({"state": str(tmp_path), "model_servers": servers})
    where = PromotionEnvironment.of(tmp_path, settings, "film_sentiment")

    variables = promotion_environment(where)

    assert variables["BERT_SERVICE_PIPELINE"] == "film_sentiment"
    assert variables["BERT_SERVICE_MODELS"] == f"{tmp_path}/models/film_sentiment"
    assert variables["BERT_SERVICE_SERVERS"] == (
        "http://one:8501/v1/models/film_sentiment http://two:8501/v1/models/another/"
    )
    assert [folder.name for folder in log_folders(settings, "film_sentiment")] == [
        "dag_id=film_sentiment",
        "dag_id=film_sentiment_retention",
        "dag_id=film_sentiment_rollback",
        "dag_id=film_sentiment_scoring",
    ]


def test_commands_follow_and_refuse_a_name_that_is_not_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = SnapshotStore(tmp_path / "bundle").copy_sources(PROJECT_ROOT)
    (copy / "dags" / "settings.toml").write_text('name = "film_sentiment"\n')
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__ROOT", str(copy))
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__STATE", str(tmp_path / "state"))
    main(["doctor"])
    assert "compiled/film_sentiment.json" in capsys.readouterr().out
    (copy / "dags" / "settings.toml").write_text('name = "film sentiment"\n')
    assert main(["doctor"]) == 1
    told = capsys.readouterr().out
    assert "WRONG  pipeline's settings: setting name is 'film sentiment'" in told
    assert main(["retention", "--dry-run"]) == 1
    assert "setting name is 'film sentiment'" in capsys.readouterr().err


def test_the_bundle_publishes_a_renamed_pipeline_and_shows_a_name_that_is_not_allowed(tmp_path: Path) -> None:
    project = ToyProject.lay_out(tmp_path)
    publisher = project.publisher()
    first = publish(publisher)
    settings = project.root / "dags" / "settings.toml"
    settings.write_text('name = "film_sentiment"\n')

    second = publish(publisher)

    compiled = [
        sorted(path.name for path in (project.store.dags_of(version) / "compiled").glob("*.sha256"))
        for version in (first, second)
    ]
    assert compiled == [["bert_sentiment.sha256"], ["film_sentiment.sha256"]]

    settings.write_text('name = "film sentiment"\n')
    failed = publish(publisher)

    assert (failed.served, bool(failed.failed)) == (second.served, True)
    shown = (project.store.dags_of(failed) / "pipeline_does_not_compile.py").read_text()
    assert "setting name is 'film sentiment'" in shown
    assert str(settings) in shown
    assert json.loads((project.store.dags_of(failed) / "compiled" / "film_sentiment.json").read_text())
