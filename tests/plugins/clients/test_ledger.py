"""The ledger is reached by its command, run for real with a stand-in for `tfx_modules`."""

import datetime as dt
import json
import os
from pathlib import Path
from typing import Any

import pytest
from airflow_bert_service.clients.ledger import LedgerClient, Rollback
from airflow_bert_service.exceptions import PromotionCommandError, SettingsError
from airflow_bert_service.promotion.events import EventKind, RunEnd

from tests.plugins.promotions import client, environment

RUN = {"dag_id": "bert_sentiment", "run_id": "manual__2026-11-05"}
FAILED = RunEnd(
    **RUN,
    kind=EventKind.FAILED,
    data_date=dt.date(2026, 11, 5),
    first_day=dt.date(2026, 10, 23),
    reason="task Trainer failed: größer als der Speicher",
    actor="anna",
)


def test_a_run_without_a_verdict(tmp_path: Path) -> None:
    assert client(tmp_path).verdict(**RUN) is None


def test_how_a_run_ended_is_recorded_once(tmp_path: Path) -> None:
    ledger = client(tmp_path)
    event = ledger.record(FAILED)
    assert (event.kind, event.reason, event.final) == (EventKind.FAILED, FAILED.reason, False)
    assert (event.data_date, event.first_day, event.actor) == (FAILED.data_date, FAILED.first_day, "anna")
    assert ledger.record(FAILED) == event
    assert ledger.verdict(**RUN) is None


def test_deliveries_are_noted(tmp_path: Path) -> None:
    ledger = client(tmp_path)
    assert ledger.delivered(7) == frozenset()
    ledger.deliver(7, "smtp:smtp_default")
    ledger.deliver(7, "slack:slack")
    ledger.deliver(7, "slack:slack")
    assert ledger.delivered(7) == {"smtp:smtp_default", "slack:slack"}


def rollback(reason: str, **changes: Any) -> Rollback:
    return Rollback(**{"reason": reason, "actor": "berta", "dag_id": "rollback", "run_id": "manual__1", **changes})


def test_a_rollback(tmp_path: Path) -> None:
    nothing = {"dag_id": None, "run_id": None, "final": False}
    events = [{"version": version, **nothing} for version in (2026110401, 2026110501)]
    (tmp_path / "ledger.db").write_text(json.dumps({"events": events, "deliveries": {}}))
    back = client(tmp_path).roll_back(rollback("--to is slow"))
    assert (back.kind, back.version, back.champion, back.actor) == (
        EventKind.ROLLED_BACK,
        2026110401,
        2026110501,
        "berta",
    )
    named = rollback("no", run_id="manual__2", version=2026110501)
    assert client(tmp_path).roll_back(named).version == 2026110501
    assert client(tmp_path).roll_back(rollback("again")) == back


def test_the_newest_event(tmp_path: Path) -> None:
    assert client(tmp_path).newest() is None
    recorded = client(tmp_path).record(FAILED)
    assert client(tmp_path).newest() == recorded


def test_what_the_command_refuses_is_told_in_its_own_words(tmp_path: Path) -> None:
    message = r"promotion roll-back: there is no version to roll back to; promote one first \(exit code 1\)"
    with pytest.raises(PromotionCommandError, match=message):
        client(tmp_path).roll_back(rollback("slow"))


def test_the_ledgers_password_is_on_no_command_line_and_in_no_error(tmp_path: Path) -> None:
    secret = environment(tmp_path, ledger="postgresql://bert:sesame@db/ledger")
    assert "sesame" not in repr(secret)
    with pytest.raises(PromotionCommandError, match="the ledger the ledger cannot be opened") as raised:
        LedgerClient(secret).delivered(1)
    assert "sesame" not in str(raised.value)


def test_the_command_gets_ledger_and_served_folder_and_none_of_airflows_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "import json, os; print(json.dumps(sorted(n + '=' + v for n, v in os.environ.items() if 'secret' in v)))"
    (tmp_path / "tfx_modules").mkdir()
    (tmp_path / "tfx_modules" / "promotion.py").write_text(script)
    monkeypatch.setenv("AIRFLOW_CONN_X", "secret")
    ledger = LedgerClient(
        environment(
            tmp_path, module_root=tmp_path, ledger="sqlite:///secret", pipeline="secret", models=Path("/secret")
        )
    )
    assert ledger.delivered(1) == {
        "BERT_SERVICE_LEDGER=sqlite:///secret",
        "BERT_SERVICE_PIPELINE=secret",
        "BERT_SERVICE_MODELS=/secret",
    }
    assert os.environ["AIRFLOW_CONN_X"] == "secret"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("print('promoted!')", "promotion delivered printed something else than one JSON value"),
        ("print('{}')", "promotion delivered printed something else than a list of channels"),
        ("raise SystemExit(3)", r"it wrote nothing to standard error \(exit code 3\)"),
        ("import time; time.sleep(60)", "promotion delivered took longer than 0.5 s and was killed"),
    ],
)
def test_a_command_that_does_not_answer(tmp_path: Path, script: str, message: str) -> None:
    (tmp_path / "tfx_modules").mkdir()
    (tmp_path / "tfx_modules" / "promotion.py").write_text(script)
    with pytest.raises(PromotionCommandError, match=message):
        LedgerClient(environment(tmp_path, module_root=tmp_path), timeout=0.5).delivered(1)


def test_there_is_no_python(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"tfx_python is '/nowhere/python'.*Run `make setup`"):
        client(tmp_path, tfx_python=Path("/nowhere/python")).delivered(1)
