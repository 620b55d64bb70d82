"""SQLite is refused where tasks may run on several machines."""

from pathlib import Path

import pytest
from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.settings.databases import check_databases, sqlite_file
from airflow_bert_service.settings.settings import load_settings

FILE, SERVER = "sqlite:////srv/var/ledger.db", "postgresql://tfx:secret@db/ledger"


@pytest.mark.parametrize(
    "executors", ["LocalExecutor", "airflow.executors.local_executor.LocalExecutor", "here:my.LocalExecutor"]
)
def test_on_one_machine_sqlite_is_fine(executors: str) -> None:
    check_databases(executors, {"ledger": FILE})


@pytest.mark.parametrize("executors", ["CeleryExecutor", "KubernetesExecutor", "LocalExecutor, CeleryExecutor"])
def test_on_several_it_is_refused_and_every_file_is_named(executors: str) -> None:
    check_databases(executors, {"ledger": SERVER})

    message = r"^metadata, airflow: SQLite, but \[core\] executor is \w+Executor, whose .*; allowed: PostgreSQL, or"
    with pytest.raises(SettingsError, match=message) as error:
        check_databases(executors, {"metadata": FILE, "ledger": SERVER, "airflow": "sqlite+aiosqlite:///x?timeout=60"})
    assert "secret" not in str(error.value)


def test_the_settings_are_checked_when_a_dag_file_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__METADATA", SERVER)
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", SERVER)
    with pytest.raises(SettingsError, match=r"^\[bert_service\] ledger: SQLite, but"):
        load_settings()

    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__LEDGER", SERVER)
    assert load_settings().ledger == SERVER


def test_the_file_of_a_database_that_has_one() -> None:
    assert sqlite_file(FILE) == Path("/srv/var/ledger.db")
    assert (sqlite_file(SERVER), sqlite_file("conn:ledger")) == (None, None)
