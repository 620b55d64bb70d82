"""What `doctor` says of things that are missing or do not fit: what, got what, do what."""

import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from airflow_bert_service.cli.checks import airflow_side, places, tfx_side
from airflow_bert_service.cli.checks.finding import Finding
from airflow_bert_service.settings.settings import Settings, settings_from

from tests.plugins.gate_run import migrate
from tests.support.airflow_home import PROJECT_ROOT

TFX_PYTHON = PROJECT_ROOT / ".venv" / "tfx" / "bin" / "python"
NAME = "film_sentiment"
with_tfx = pytest.mark.skipif(not TFX_PYTHON.exists(), reason="the TFX environment is not built")


def settings(state: Path, **given: str) -> Settings:
    return settings_from({"state": str(state), "tfx_python": str(TFX_PYTHON), **given})


def wrong(*findings: Finding) -> Mapping[str, str]:
    return {finding.what: str(finding) for finding in findings if finding.is_wrong}


def test_a_finding_is_one_line() -> None:
    assert str(Finding("Airflow", "3.3.2")) == "ok     Airflow: 3.3.2"
    assert str(Finding("Airflow", "2.11.0", "upgrade")) == "WRONG  Airflow: 2.11.0. Do: upgrade"


def test_airflow_and_the_plugin_are_as_they_should_be() -> None:
    assert wrong(airflow_side.airflow_version(), airflow_side.plugin()) == {}


def test_a_database_that_was_never_made_is_not_made_by_looking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "airflow.db"
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", f"sqlite:///{file}")
    assert "does not exist. Do: run `make up`, which makes it, or `scripts/bert airflow db migrate`" in str(
        airflow_side.airflow_database()
    )
    assert not file.exists()
    file.touch()
    assert "has no tables of Airflow. Do: run" in str(airflow_side.airflow_database())


def test_dag_files_that_are_missing_or_not_compiled(tmp_path: Path) -> None:
    dags = tmp_path / "dags"
    (missing,) = airflow_side.dag_files(dags)
    assert "bert_sentiment.py does not exist. Do: run `scripts/bert init`" in str(missing)
    dags.mkdir()
    (dags / "bert_sentiment.py").touch()
    found = wrong(*airflow_side.dag_files(dags))
    assert "bert_sentiment.json does not exist. Do: run `make compile`" in found["compiled pipeline"]


def test_a_further_pipeline_whose_settings_are_wrong_or_that_is_not_compiled(tmp_path: Path) -> None:
    (tmp_path / "tfx_modules").mkdir()
    folder = tmp_path / "dags" / "bert_pipelines" / "tickets"
    folder.mkdir(parents=True)
    (folder / "settings.toml").write_text('name = "tickets"\n')
    assert wrong(airflow_side.further_settings(folder)) == {}
    assert "tickets.json does not exist. Do: run `make compile`" in str(airflow_side.further_compiled(folder))
    (folder / "settings.toml").write_text('name = "tickets"\n[bert_service]\nwindow_days = 0\n')
    assert "window_days is 0; allowed: 1 or more" in str(airflow_side.further_settings(folder))
    assert f"Do: correct {folder / 'settings.toml'}" in str(airflow_side.further_settings(folder))
    (folder / "settings.toml").write_text('name = "tickets"\n[bert_service]\nscoring_feed = { feed = "kafka" }\n')
    assert "feed is 'kafka'; allowed: sample" in str(airflow_side.further_settings(folder))


def test_a_state_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    found = wrong(*places.folders(settings(tmp_path / "state"), NAME))
    assert "is not a folder. Do: move it away, or set [bert_service] state" in found["state folder"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_state_folder_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "is not writable for user" in wrong(*places.folders(settings(tmp_path), NAME))["state folder"]


def test_a_node_server_that_does_not_listen(tmp_path: Path) -> None:
    path = tmp_path / "node.sock"
    where = settings(tmp_path, node_socket=str(path))
    assert (
        "No such file or directory. Do: start `scripts/bert node-server`"
        in wrong(*places.node_socket(where))["node_socket"]
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(path))
        assert "Connection refused" in wrong(*places.node_socket(where))["node_socket"]
        server.listen()
        assert wrong(*places.node_socket(where)) == {}


def test_a_feed_that_lacks_its_file_or_connection(tmp_path: Path) -> None:
    migrate()  # Airflow looks for connections there
    assert wrong(*places.feed(settings(tmp_path))) == {}
    imdb = settings(tmp_path, feed="imdb", imdb_archive=str(tmp_path / "aclImdb.tar.gz"))
    assert "aclImdb.tar.gz does not exist" in wrong(*places.feed(imdb))["feed imdb"]
    http = settings(tmp_path, feed="http", http_conn_id="nowhere", http_endpoint="/{date}", first_day="2026-11-01")
    assert "Airflow has no connection 'nowhere'. Do: add it" in wrong(*places.feed(http))["feed http"]


@pytest.mark.parametrize(
    "pattern",
    [
        "all.csv",
        "{date}.csv",
        "{date:%Y/%m/%d}.csv",
        "dt={date}/*.csv",
        "{date:%Y%m%d}*.csv",
        "**/{date:%-d}-{date:%b}.csv",
    ],
)
def test_local_files_of_a_feed_are_looked_for_whatever_their_days(tmp_path: Path, pattern: str) -> None:
    own = settings(
        tmp_path, feed="files", files_pattern=f"{tmp_path}/{pattern}", first_day="2026-11-01", files_date_column="at"
    )
    (missing,) = places.feed(own, "tickets")
    assert str(missing).startswith("WRONG  tickets: feed files: no file, of any day, is /")
    for name in ("all.csv", "2026-11-05.csv", "2026/11/05.csv", "dt=2026-11-05/part-1.csv", "5-Nov.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert wrong(*places.feed(own)) == {}


def test_a_holdout_that_is_missing_is_told_with_its_pipeline(tmp_path: Path) -> None:
    found = wrong(*places.feed(settings(tmp_path, holdout=str(tmp_path / "h.csv")), "tickets"))
    assert "h.csv does not exist. Do: put the file there" in found["tickets: holdout"]


def test_folders_of_a_further_pipeline_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "models").touch()
    assert "models is not a folder" in wrong(*places.own_folders(settings(tmp_path), NAME))[f"{NAME}: state folder"]


def test_a_model_server_that_does_not_answer(tmp_path: Path) -> None:
    servers = settings(tmp_path, model_servers="http://127.0.0.1:1")
    told = wrong(*places.model_servers(servers, NAME))["model server"]
    assert "http://127.0.0.1:1/v1/models/film_sentiment: " in told
    assert "Connection refused. Do: start it" in told


def test_a_tfx_environment_that_is_missing_or_another_python(tmp_path: Path) -> None:
    (gone,) = tfx_side.tfx_side(settings(tmp_path, tfx_python="/missing/python"), tmp_path)
    assert "/missing/python does not exist. Do: run `make setup`" in str(gone)
    (other,) = tfx_side.tfx_side(settings(tmp_path, tfx_python=sys.executable), tmp_path)
    assert "not Python 3.11. Do: run `make setup`" in str(other)


@with_tfx
def test_the_tfx_environment_looks_at_the_encoder_and_the_databases(tmp_path: Path) -> None:
    dags = tmp_path / "dags"
    dags.mkdir()
    assert wrong(*tfx_side.tfx_side(settings(tmp_path), PROJECT_ROOT / "dags")) == {}
    (dags / "settings.toml").write_text('[encoder]\nvocab_sha256 = "0000"\n')
    tickets = dags / "bert_pipelines" / "tickets"
    tickets.mkdir(parents=True)
    (tickets / "settings.toml").write_text('name = "tickets"\n[training]\nepochs = 0\n')
    (tmp_path / "mlmd.db").write_text("no database")
    where = settings(
        tmp_path, metadata=f"sqlite:///{tmp_path}/mlmd.db", ledger="postgresql://bert:sesame@127.0.0.1:1/ledger"
    )
    found = wrong(*tfx_side.tfx_side(where, dags, [tickets]))
    assert sorted(found) == ["ledger", "metadata", "the encoder's vocabulary", "tickets: the pipeline's settings"]
    assert "training.epochs is 0" in found["tickets: the pipeline's settings"]
    assert "expected 0000" in found["the encoder's vocabulary"]
    assert "file is not a database" in found["metadata"]
    assert "Connection refused" in found["ledger"]
    assert "sesame" not in found["ledger"]


@with_tfx
def test_a_connection_that_airflow_lacks(tmp_path: Path) -> None:
    found = wrong(*tfx_side.tfx_side(settings(tmp_path, ledger="conn:nowhere"), tmp_path))
    assert "names the connection 'nowhere', and Airflow has none" in found["database connection"]
