"""Several pipelines in one DAGs folder, loaded by Airflow's own DagBag."""

import json
from pathlib import Path

import pytest
from airflow_bert_service.cli.main import main
from airflow_bert_service.operators.refresh import DataRefreshOperator
from airflow_bert_service.operators.retention import RetentionOperator
from airflow_bert_service.pipeline.name import dag_ids
from airflow_bert_service.pipeline.source_digest import pipeline_digest

from tests.dags.test_bert_sentiment import ir, load, project

__all__ = ["project"]


def add(project: Path, name: str, *words: str) -> Path:
    """Write a further pipeline, as `init` does, and what `compile` leaves."""
    assert main(["init", name, "--dags-folder", str(project / "dags"), *words]) == 0
    folder = project / "dags" / "bert_pipelines" / name
    (folder / "compiled").mkdir()
    compiled(project, folder)
    return folder


def compiled(project: Path, folder: Path) -> None:
    name = folder.name
    (folder / "compiled" / f"{name}.json").write_text(json.dumps({**ir(), "pipeline_info": {"id": name}}))
    digest = pipeline_digest(project / "tfx_modules", folder / "settings.toml")
    (folder / "compiled" / f"{name}.sha256").write_text(digest)


@pytest.fixture
def several(project: Path) -> Path:
    words = ["--labels", "billing,fault,other", "--feed", "files", "--set", "first_day=2026-11-01"]
    add(project, "tickets", *words, "--set", "files_pattern=/data/{date}.csv")
    add(project, "films", "--set", "keep_versions=2", "--set", "window_days=3")
    return project


def test_each_pipeline_has_its_dags(several: Path) -> None:
    bag = load(several)
    assert bag.import_errors == {}
    names = ("bert_sentiment", "tickets", "films")
    assert set(bag.dags) == {dag_id for name in names for dag_id in dag_ids(name)}
    for name in names[1:]:
        assert Path(bag.dags[name].fileloc) == several / "dags" / "bert_pipelines" / name / f"{name}.py"
        assert f"--dag-id {name} " in str(bag.dags[name].doc_md)


OLD_DAG_FILE = '''\
"""The DAGs {name}, {name}_retention and {name}_rollback, by the settings in settings.toml beside this file."""

from pathlib import Path

from airflow_bert_service.dag.pipeline_dags import pipeline_dags

dag, retention, rollback = pipeline_dags(Path(__file__).parent)
'''
"""What `init NAME` wrote before there was the DAG of scoring. Such files are on other people's disks."""


def test_a_dag_file_from_before_there_was_scoring_has_its_four_dags(several: Path) -> None:
    file = several / "dags" / "bert_pipelines" / "films" / "films.py"
    file.write_text(OLD_DAG_FILE.format(name="films"))

    bag = load(several)

    assert bag.import_errors == {}
    mine = {dag_id: dag for dag_id, dag in bag.dags.items() if dag_id.startswith("films")}
    assert set(mine) == set(dag_ids("films"))
    assert len(mine) == 4
    assert {Path(dag.fileloc) for dag in mine.values()} == {file}


def test_a_dags_folder_from_before_there_was_scoring_has_its_three_dags(several: Path) -> None:
    (several / "dags" / "bert_sentiment_scoring.py").unlink()

    bag = load(several)

    assert bag.import_errors == {}
    assert set(dag_ids("bert_sentiment")) - set(bag.dags) == {"bert_sentiment_scoring"}
    assert {*dag_ids("films"), *dag_ids("tickets")} < set(bag.dags)


def test_each_dag_has_its_own_task_feed_and_retention(several: Path) -> None:
    bag = load(several)
    refresh, kept = {}, {}
    for name in ("bert_sentiment", "tickets", "films"):
        task, retention = bag.dags[name].get_task("refresh_data"), bag.dags[f"{name}_retention"].get_task("retention")
        assert isinstance(task, DataRefreshOperator)
        assert isinstance(retention, RetentionOperator)
        refresh[name] = (task.task.labels, task.settings.feed.value, task.settings.window_days)
        kept[name] = (retention.pipeline, retention.settings.retention.keep_versions, retention.settings.spans)
    assert refresh == {
        "bert_sentiment": (("negative", "positive"), "sample", 14),
        "tickets": (("billing", "fault", "other"), "files", 14),
        "films": (("negative", "positive"), "sample", 3),
    }
    assert {name: versions for name, (_, versions, _) in kept.items()} == {
        "bert_sentiment": 5,
        "tickets": 5,
        "films": 2,
    }
    assert all(name == pipeline for name, (pipeline, _, _) in kept.items())
    assert len({spans for _, _, spans in kept.values()}) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = \n", "cannot be read"),
        ('name = "films"\n[bert_service]\nwindow_days = 0\n', "window_days is 0; allowed: 1 or more"),
        ('name = "films"\n[gate]\nlevel = 0.1\n', "is stale"),
        ('name = "bert_sentiment"\n', "allowed: 'films', the name of the folder"),
    ],
)
def test_a_mistake_in_one_settings_file_is_the_import_error_of_that_pipeline_alone(
    several: Path, text: str, message: str
) -> None:
    (several / "dags" / "bert_pipelines" / "films" / "settings.toml").write_text(text)
    bag = load(several)
    assert set(bag.dags) == {*dag_ids("bert_sentiment"), *dag_ids("tickets")}
    assert list(bag.import_errors) == ["bert_pipelines/films/films.py"]
    assert message in bag.import_errors["bert_pipelines/films/films.py"]


def test_a_mistake_in_the_settings_of_the_dags_folder_leaves_the_further_pipelines(several: Path) -> None:
    (several / "dags" / "settings.toml").write_text("name = \n")
    bag = load(several)
    assert set(bag.dags) == {*dag_ids("films"), *dag_ids("tickets")}
    assert set(bag.import_errors) == {
        "bert_sentiment.py",
        "bert_sentiment_retention.py",
        "bert_sentiment_rollback.py",
        "bert_sentiment_scoring.py",
    }
