"""Settings come from [bert_service] of airflow.cfg and from the environment, and say what is wrong with them."""

import datetime as dt
from pathlib import Path

import pytest
from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.settings.settings import FeedName, load_settings, settings_from

PROJECT_ROOT = Path(__file__).parents[3]


def test_without_a_section_everything_is_found_from_the_packages_place() -> None:
    settings = load_settings()
    assert settings.root == PROJECT_ROOT
    assert settings.tfx_python == PROJECT_ROOT / ".venv" / "tfx" / "bin" / "python"
    assert settings.state == PROJECT_ROOT / "var"
    assert settings.metadata == f"sqlite:///{PROJECT_ROOT}/var/metadata/mlmd.db"
    assert settings.node_socket is None
    assert settings.feed is FeedName.SAMPLE
    assert settings.ledger == f"sqlite:///{PROJECT_ROOT}/var/ledger/ledger.db"
    assert settings.notifications == ()


def test_the_environment_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__FEED", "imdb")
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__IMDB_ARCHIVE", "aclImdb.tar.gz")
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__IMDB_FIRST_DAY", "2026-01-02")
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__NODE_SOCKET", "/run/node.sock")
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__WINDOW_DAYS", "3")
    settings = load_settings()
    assert settings.feed is FeedName.IMDB
    assert settings.imdb_archive == str(PROJECT_ROOT / "aclImdb.tar.gz")
    assert settings.imdb_first_day == dt.date(2026, 1, 2)
    assert settings.node_socket == Path("/run/node.sock")
    assert settings.window_days == 3


def test_folders_of_the_state() -> None:
    settings = settings_from({"root": "/srv/bert", "state": "state"})
    folders = [
        settings.pipeline_root,
        settings.spans,
        settings.models_of("film_sentiment"),
        settings.bundles,
        settings.outcomes,
    ]
    names = ["pipeline", "spans", "models/film_sentiment", "bundles", "outcomes"]
    assert folders == [Path("/srv/bert/state") / name for name in names]


def test_a_holdout_is_a_path_that_counts_from_the_project() -> None:
    assert settings_from({}).holdout is None
    found = settings_from({"root": "/srv/bert", "holdout": "data/letters-v3.csv"})
    assert found.holdout == Path("/srv/bert/data/letters-v3.csv")
    assert found.sample_holdout == Path("/srv/bert/data/holdout/sample-v1.csv")


def test_a_web_address_stays_one() -> None:
    assert (
        settings_from({"imdb_archive": "https://example.org/a.tar.gz"}).imdb_archive == "https://example.org/a.tar.gz"
    )


def test_labels_and_the_share_of_bad_rows() -> None:
    rules = settings_from({"labels": "Positive: UP, 5 stars;\nnegative: down", "max_bad_share": "0.2"}).rules
    assert rules.labels == {"up": "positive", "5 stars": "positive", "down": "negative"}
    stars = settings_from({"labels": "positive: 4.0, 5; negative: 1, 2.00"}).rules
    assert stars.labels == {"4": "positive", "5": "positive", "1": "negative", "2": "negative"}
    assert rules.max_bad_share == 0.2
    default = settings_from({}).rules
    assert (default.labels["true"], default.labels["0"], default.max_bad_share) == ("positive", "negative", 0.05)


def test_the_password_of_the_metadata_store_is_not_shown() -> None:
    for name in ("metadata", "ledger"):
        assert "secret" not in repr(settings_from({name: "postgresql://tfx:secret@db/name"}))


def test_gaps_are_days_and_ranges_of_days() -> None:
    gaps = settings_from({"allowed_gaps": "2026-11-07, 2026-12-30..2027-01-01"}).allowed_gaps
    new_year = {dt.date(2026, 12, 30), dt.date(2026, 12, 31), dt.date(2027, 1, 1)}
    assert gaps == {dt.date(2026, 11, 7), *new_year}
    assert settings_from({}).allowed_gaps == frozenset()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"feed": "imbd"}, r"feed is 'imbd'; allowed: sample, imdb, .*\. Correct it"),
        ({"window_days": "0"}, r"window_days is 0; allowed: 1 or more"),
        ({"allowed_gaps": "2026-11-07 2026-11-08"}, r"allowed_gaps has '2026-11-07 2026-11-08'; allowed: days like"),
        ({"allowed_gaps": "2026-11-07..2026-11-06"}, r"allowed_gaps has '2026-11-07\.\.2026-11-06'; allowed: days"),
        ({"window_days": "two"}, r"window_days is 'two'; allowed: a whole number"),
        ({"imdb_days": "0"}, r"imdb_days is 0; allowed: 1 or more"),
        ({"imdb_reviews_per_day": "-1"}, r"imdb_reviews_per_day is -1; allowed: 0 or more"),
        ({"imdb_sha256": "abc"}, r"imdb_sha256 is 'abc'; allowed: 64 hex digits, as sha256sum prints them"),
        ({"keep_log_days": "-1"}, r"keep_log_days is -1; allowed: 0 or more"),
        ({"keep_span_days": "3"}, r"keep_span_days is 3, and window_days is 14; allowed: 0"),
        ({"imdb_first_day": "16.10.2026"}, r"imdb_first_day is '16\.10\.2026'; allowed: a date like 2026-10-16"),
        (
            {"metadata": "mysql://user:secret@db/x"},
            r"metadata has the scheme 'mysql'; allowed: sqlite:///PATH and post",
        ),
        ({"ledger": "mysql://user:secret@db/x"}, r"ledger has the scheme 'mysql'; allowed: sqlite:///PATH and post"),
        (
            {"model_servers": "http://a:1 localhost:8501"},
            r"model_servers has 'localhost:8501'; allowed: addresses like",
        ),
        ({"state": "${NOWHERE}/var"}, r"path '\$\{NOWHERE\}/var' with a variable that is not set"),
        ({"max_bad_share": "1.5"}, r"max_bad_share is 1\.5; allowed: 0 to 1"),
        ({"max_bad_share": "nan"}, r"max_bad_share is nan; allowed: 0 to 1"),
        ({"max_bad_share": "5 %"}, r"max_bad_share is '5 %'; allowed: a number like 0\.05"),
        ({"labels": "pos, neg"}, r"labels has the part 'pos, neg'; allowed: a text like 'positive: positive, pos, "),
        ({"labels": "good: good; bad: bad"}, r"labels has the part 'good: good'; .* \(positive: good; negative: bad\)"),
        ({"labels": "positive: 1; negative: 1.0"}, r"labels has '1' for both positive and negative"),
        ({"labels": "positive: up"}, r"labels has none for negative; allowed: a text like"),
        (
            {"labels": "positive: x; negative: X"},
            r"labels has 'x' for both positive and negative; allowed: each label once",
        ),
        ({"tfx_pyhton": "x"}, r"unknown key tfx_pyhton; known: allowed_gaps, .*root, .*\. Did you mean tfx_python\?"),
        ({"widow_days": "3", "fed": "imdb"}, r"unknown key fed, widow_days; .*Did you mean feed, window_days\? Rename"),
        ({"webhook_conn_id": "chat"}, r"unknown key webhook_conn_id; known: .*notifications"),
    ],
)
def test_values_that_are_not_allowed(values: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message) as raised:
        settings_from(values)
    assert "secret" not in str(raised.value)


def test_a_hidden_setting_may_come_from_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Airflow does it for its own; the container stack's secrets are files that such a command reads."""
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__LEDGER_CMD", "echo sqlite:////var/ledger.db")
    assert load_settings().ledger == "sqlite:////var/ledger.db"
