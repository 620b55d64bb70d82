"""Databases may be Airflow connections, which are looked up by the task or command that needs them."""

import json
from pathlib import Path

import pytest
from airflow_bert_service.clients.ledger import LedgerClient, promotion_environment
from airflow_bert_service.exceptions import PromotionCommandError, SettingsError
from airflow_bert_service.settings.database_url import database_url
from airflow_bert_service.settings.settings import settings_from

from tests.plugins.promotions import environment

CONNECTION = {
    "conn_type": "postgres",
    "host": "db.example.org",
    "login": "bert",
    "password": "p@ss/word",
    "schema": "ledger",
}


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER_DB", json.dumps(CONNECTION))


@pytest.mark.parametrize("address", ["sqlite:////var/ledger.db", "postgresql://bert:sesame@db:5432/ledger"])
def test_other_addresses_stay_as_they_are(address: str) -> None:
    assert database_url(address) == address


@pytest.mark.usefixtures("connection")
def test_a_connection_becomes_an_address_with_what_is_special_escaped() -> None:
    assert database_url("conn:ledger_db") == "postgresql://bert:p%40ss%2Fword@db.example.org:5432/ledger"


def test_an_unknown_connection_is_named() -> None:
    with pytest.raises(
        SettingsError, match=r"names the connection 'nowhere', and Airflow has none .*Add it, or correct"
    ):
        database_url("conn:nowhere")


@pytest.mark.parametrize("wrong", [{"conn_type": "mysql"}, {"schema": ""}, {"host": ""}])
def test_another_kind_of_connection_is_refused_without_its_password(
    wrong: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER_DB", json.dumps({**CONNECTION, **wrong}))
    with pytest.raises(SettingsError, match=r"allowed: type postgres with host, login and database") as refused:
        database_url("conn:ledger_db")
    assert "p@ss" not in str(refused.value)


def test_reading_the_settings_needs_no_connection() -> None:
    settings = settings_from({"metadata": "conn:nowhere", "ledger": "conn:nowhere"})
    assert (settings.metadata, settings.ledger) == ("conn:nowhere", "conn:nowhere")


@pytest.mark.usefixtures("connection")
def test_the_promotion_command_gets_the_address_and_no_error_shows_it(tmp_path: Path) -> None:
    where = environment(tmp_path, ledger="conn:ledger_db")
    assert promotion_environment(where)["BERT_SERVICE_LEDGER"].startswith("postgresql://bert:p%40ss")
    with pytest.raises(PromotionCommandError) as failed:
        LedgerClient(where).newest()
    assert "p%40ss" not in str(failed.value)
