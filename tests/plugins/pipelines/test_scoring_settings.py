"""The feed that a pipeline scores: its own, or the one of the setting `scoring_feed`."""

import datetime as dt
import json
from pathlib import Path

import pytest
from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.pipelines.settings import pipeline_settings, scoring_settings
from airflow_bert_service.settings.scoring import ScoresFormat
from airflow_bert_service.settings.settings import FeedName

OTHER = {"feed": "files", "first_day": "2026-11-01", "files_pattern": "/data/{date}.jsonl", "http_tries": 3}


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def scoring_feed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__SCORING_FEED", text)


def test_without_the_setting_it_is_the_pipelines_own(tmp_path: Path) -> None:
    assert scoring_settings(tmp_path / "dags") == pipeline_settings(tmp_path / "dags")


def test_the_other_feed_takes_nothing_of_the_pipelines_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__TEXT_COLUMN", "body")
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__LAST_DAY", "2026-11-05")
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__SCORES_FORMAT", "parquet")
    scoring_feed(monkeypatch, json.dumps(OTHER))

    training, scoring = pipeline_settings(tmp_path / "dags"), scoring_settings(tmp_path / "dags")

    assert (training.feed, training.source.text_column) == (FeedName.SAMPLE, "body")
    assert (scoring.feed, scoring.source.first_day) == (FeedName.FILES, dt.date(2026, 11, 1))
    assert (scoring.source.files_pattern, scoring.source.http_tries) == ("/data/{date}.jsonl", 3)
    assert (scoring.source.text_column, scoring.source.last_day) == ("review", None)
    assert (scoring.scoring.scores_format, scoring.state) == (ScoresFormat.PARQUET, training.state)


def test_a_further_pipeline_has_it_in_its_own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scoring_feed(monkeypatch, json.dumps(OTHER))
    for name, own in {"tickets": 'scoring_feed = { feed = "imdb", imdb_days = 3 }', "films": ""}.items():
        folder = tmp_path / "dags" / "bert_pipelines" / name
        folder.mkdir(parents=True)
        (folder / "settings.toml").write_text(f'name = "{name}"\n[bert_service]\nfeed = "sample"\n{own}\n')

    tickets = scoring_settings(tmp_path / "dags" / "bert_pipelines" / "tickets")
    films = scoring_settings(tmp_path / "dags" / "bert_pipelines" / "films")

    assert (tickets.feed, tickets.imdb_days) == (FeedName.IMDB, 3)
    assert films.feed is FeedName.SAMPLE
    assert tickets.scores_of("tickets") == tmp_path / "state" / "scores" / "tickets"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{feed}", r"scoring_feed is no JSON .*; allowed: a JSON object of keys, like"),
        ('["files"]', "scoring_feed is no JSON object; allowed"),
        ('{"feed": null}', "scoring_feed has feed: None; allowed: a text or a number"),
        ('{"feed": "sample", "window_days": 3}', "has the unknown key scoring_feed.window_days; known: feed, files_"),
        ('{"feed": "files"}', "feed files needs files_pattern, first_day; missing: files_pattern, first_day"),
        ('{"feed": "kafka"}', r"feed is 'kafka'; allowed: sample, imdb"),
    ],
)
def test_a_feed_that_is_none_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    scoring_feed(monkeypatch, text)
    with pytest.raises(SettingsError, match=message):
        scoring_settings(tmp_path / "dags")
