"""What a further pipeline has for itself, and what it shares."""

import datetime as dt
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from airflow_bert_service.clients.ledger import PromotionEnvironment
from airflow_bert_service.clients.retention import RetentionRequest
from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.pipeline.name import ALLOWED, RETENTION, ROLLBACK, SCORING, dag_ids
from airflow_bert_service.pipelines.settings import DATA, RULES, FurtherSettings, pipeline_settings
from airflow_bert_service.promotion.asset import model_asset
from airflow_bert_service.settings.reading.declared import every_setting
from airflow_bert_service.settings.settings import (
    FeedName,
    Settings,
    Weekday,
    load_settings,
    settings_as,
    settings_from,
)
from hypothesis import assume, given
from hypothesis import strategies as st

SHARED = {
    "root",
    "state",
    "tfx_python",
    "metadata",
    "ledger",
    "node_socket",
    "model_servers",
    "model_server_key_file",
    "notifications",
    "serialize_writes",
    "write_lock_timeout",
    "write_body_timeout",
    "write_body_bytes",
}
names = st.from_regex(ALLOWED, fullmatch=True).filter(lambda name: not name.endswith((RETENTION, ROLLBACK, SCORING)))
TASK = 'name = "tickets"\n[task]\nkind = "multiclass"\nlabels = ["billing", "fault", "other"]\n'


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def written(folder: Path, text: str, name: str = "tickets") -> Path:
    made = folder / "dags" / "bert_pipelines" / name
    made.mkdir(parents=True)
    (made / "settings.toml").write_text(text)
    return made


def test_a_pipeline_has_its_own_data_and_rules(tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__KEEP_VERSIONS", "9")
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__MODEL_SERVERS", "http://one:8501")
    text = f"""{TASK}
[bert_service]
feed = "files"
files_pattern = "/data/{{date}}.csv"
first_day = 2026-11-01
allowed_gaps = ["2026-11-07", 2026-11-09]
window_days = 3
schedule_weekdays = ["monday", "thursday"]
max_bad_share = 0.1
labels = {{ billing = ["Bill", 1], fault = ["Fault"], other = ["Other"] }}
"""
    made = pipeline_settings(written(tmp_path, text))
    assert (made.feed, made.source.files_pattern) == (FeedName.FILES, "/data/{date}.csv")
    assert made.source.first_day == dt.date(2026, 11, 1)
    assert made.allowed_gaps == {dt.date(2026, 11, 7), dt.date(2026, 11, 9)}
    assert (made.window_days, made.rules.max_bad_share) == (3, 0.1)
    assert made.schedule_weekdays == (Weekday.MONDAY, Weekday.THURSDAY)
    assert dict(made.rules.labels) == {"bill": "billing", "1": "billing", "fault": "fault", "other": "other"}
    assert made.retention.keep_versions == 9, "as in airflow.cfg"
    shared = load_settings()
    for name in SHARED - {"serialize_writes", "write_lock_timeout", "write_body_timeout", "write_body_bytes"}:
        assert getattr(made, name) == getattr(shared, name), name
    assert made.spans == state / "pipelines" / "tickets" / "spans"


def test_data_of_another_pipeline_are_never_inherited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "holdout.csv").touch()
    for key, value in {"feed": "imdb", "holdout": str(tmp_path / "holdout.csv"), "max_bad_share": "0.5"}.items():
        monkeypatch.setenv(f"AIRFLOW__BERT_SERVICE__{key.upper()}", value)
    made = pipeline_settings(written(tmp_path, TASK))
    assert (made.feed, made.holdout, made.rules.max_bad_share) == (FeedName.SAMPLE, None, 0.05)


def test_every_setting_is_shared_or_may_be_a_pipelines_own() -> None:
    every = {setting.name for setting in every_setting(Settings)}
    places = {name for name in every if name.startswith(("gpu_", "container_", "artifact_"))} | {"require_gpu"}
    assert DATA.isdisjoint(RULES)
    assert every - DATA - RULES == SHARED | places


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('[bert_service]\nstate = "/elsewhere"', r"unknown key state; known: allowed_gaps, .*tickets/settings.toml"),
        (
            "[bert_service]\nwindow_days = 0",
            r"window_days is 0; allowed: 1 or more.*The file is .*tickets/settings.toml",
        ),
        ('[bert_service]\nfeed = "files"', r"files_pattern"),
        ('[bert_service]\nlabels = "good: 1; bad: 0"', r"labels has the part 'good: 1'; allowed: .*billing"),
        ("[[bert_service]]\nwindow_days = 3", r"\[bert_service\] is .*; allowed: a table"),
    ],
)
def test_what_is_not_allowed_names_the_file(tmp_path: Path, table: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        pipeline_settings(written(tmp_path, f"{TASK}\n{table}\n"))


def test_the_pipeline_of_the_dags_folder_has_its_settings_in_airflow_cfg(tmp_path: Path) -> None:
    (tmp_path / "tfx_modules").mkdir()
    (tmp_path / "dags").mkdir()
    assert pipeline_settings(tmp_path / "dags") == load_settings()
    (tmp_path / "dags" / "settings.toml").write_text("[bert_service]\nwindow_days = 3\n")
    with pytest.raises(
        SettingsError, match=r"settings.toml has a table \[bert_service\]; allowed: none, .* airflow.cfg"
    ):
        pipeline_settings(tmp_path / "dags")


@given(st.lists(names, min_size=2, max_size=2, unique=True))
def test_two_pipelines_never_share_a_folder_a_dag_an_asset_or_the_ledgers_events(pair: list[str]) -> None:
    assume("bert_sentiment" not in pair)
    default = settings_from({"state": "/state"})
    texts = [{"state": "/state", "folder": f"/dags/bert_pipelines/{name}"} for name in pair]
    settings = [default, *(settings_as(FurtherSettings, text) for text in texts)]
    everything = list(zip(settings, ["bert_sentiment", *pair], strict=True))
    places: list[tuple[set[Any], ...]] = []
    for one, name in everything:
        request = RetentionRequest.of(one, name, ())
        where = PromotionEnvironment.of(Path("/root"), one, name)
        asset = model_asset(name)
        folders = {request.models, request.models.with_name(f"{name}.withdrawn"), request.spans, one.own_holdouts}
        places.append((folders | {one.imdb_holdout}, set(dag_ids(name)), {where.pipeline}, {asset.name, asset.uri}))
    for one_places, others in combinations(places, 2):
        assert all(left.isdisjoint(right) for left, right in zip(one_places, others, strict=True))
        below = (a in b.parents or b in a.parents for a in one_places[0] for b in others[0])
        assert not any(below), "a folder of one is below a folder of another"


def test_an_address_of_one_models_state_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__MODEL_SERVERS", "http://one:8501/ http://two:8501/v1/models/stars")
    folder = written(tmp_path, TASK)
    with pytest.raises(SettingsError, match=r"model_servers has http://two:8501/v1/models/stars, .* without a path"):
        pipeline_settings(folder)
    assert load_settings().model_servers, "the pipeline of the DAGs folder may be alone"
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__MODEL_SERVERS", "http://one:8501/")
    assert pipeline_settings(folder).model_servers == ("http://one:8501/",)
