"""The promotion command reads and answers as contract 4 says."""

import datetime as dt
import io
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tests.support.contracts import (
    faults,
    golden,
    schema,
    with_wrong_fields,
)
from tfx_modules.promotion import command as promotion
from tfx_modules.promotion.events import Event, EventKind, Run
from tfx_modules.promotion.ledger import open_ledger
from tfx_modules.promotion.promoter import Candidate, GateResult, Promoter
from tfx_modules.promotion.repository import ModelRepository

ARGUMENTS, RECORD, ANSWER = golden("promotion_arguments"), golden("promotion_record"), golden("promotion_answer")
Ask = Callable[..., Any]


def test_an_event_is_written() -> None:
    document = golden("promotion_event")
    days = {name: dt.date.fromisoformat(document[name]) for name in ("data_date", "first_day")}
    run = Run(dag_id=document["dag_id"], run_id=document["run_id"], **days)
    own = {name: value for name, value in document.items() if name not in asdict(run)}
    moment = dt.datetime.fromisoformat(document["at"])

    event = Event(**{**own, "kind": EventKind(document["kind"]), "at": moment, "run": run})

    assert event.to_json() == document
    assert [kind.value for kind in EventKind] == schema("promotion_event")["properties"]["kind"]["enum"]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """The real promotion command, with a ledger and models of the test's own."""
    monkeypatch.setenv("BERT_SERVICE_LEDGER", f"sqlite:///{tmp_path}/ledger.db")
    monkeypatch.setenv("BERT_SERVICE_PIPELINE", "bert_sentiment")
    monkeypatch.setenv("BERT_SERVICE_MODELS", str(tmp_path / "models"))
    monkeypatch.delenv("BERT_SERVICE_SERVERS", raising=False)

    def run(name: str, text: str = "") -> Any:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        assert promotion.main(ARGUMENTS[name]) == 0
        return json.loads(capsys.readouterr().out)

    return run


def _promote(folder: Path, day: int) -> Event:
    model = folder / f"trained-{day}"
    model.mkdir()
    (model / "saved_model.pb").write_text(str(day))
    date = dt.date(2026, 11, day)
    run = Run(dag_id="bert_sentiment", run_id=f"run-{day}", data_date=date, first_day=date - dt.timedelta(days=13))
    promoter = Promoter(
        open_ledger(f"sqlite:///{folder}/ledger.db", "bert_sentiment"), ModelRepository(folder / "models")
    )
    return promoter.promote(Candidate(run=run, model=model, actor="anna"), lambda _: GateResult(True, "good enough"))


def test_the_promotion_command_answers_as_the_airflow_side_asks(ask: Ask) -> None:
    assert (ask("verdict"), ask("newest")) == (None, [])

    event = ask("record", json.dumps(RECORD))

    assert faults("promotion_event", event) == []
    assert {name: event[name] for name in RECORD} == RECORD
    assert (ask("newest"), ask("verdict"), ask("delivered")) == ([event], None, [])
    assert (ask("deliver"), ask("delivered")) == ("slack:slack", ["slack:slack"])
    assert ask("settle") == {"live": None}


def test_the_promotion_command_rolls_back_as_the_airflow_side_asks(ask: Ask, tmp_path: Path) -> None:
    promoted = [_promote(tmp_path, day) for day in (4, 5)]

    back, forth = ask("roll_back"), ask("roll_back_to")

    for event in (*(event.to_json() for event in promoted), back, forth):
        assert faults("promotion_event", event) == []
    assert [
        (event["kind"], event["version"], event["actor"], event["reason"].split(": ")[1]) for event in (back, forth)
    ] == [
        ("rolled_back", 2026110401, "berta", "answers are slow"),
        ("rolled_back", 2026110501, "berta", "answers are slow"),
    ]


def test_the_promotion_command_rolls_back_and_pins_for_a_user(ask: Ask, tmp_path: Path) -> None:
    for day in (4, 5):
        _promote(tmp_path, day)

    found = [ask(name) for name in ("roll_back_by_user", "pin", "unpin")]

    assert [faults("promotion_event", event) for event in found] == [[], [], []]
    assert [(event["kind"], event["version"], event["actor"], event["run_id"], event["final"]) for event in found] == [
        (kind, 2026110401, "berta", None, False) for kind in ("rolled_back", "pinned", "unpinned")
    ]


@pytest.mark.parametrize("name", [*RECORD, "unknown"])
def test_a_record_request_with_other_fields_is_refused(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    changed = with_wrong_fields(RECORD)[name]
    assert faults("promotion_record", changed)
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(changed)))
    assert promotion.main(ARGUMENTS["record"]) == 1
    assert "standard input is not what is to be recorded" in capsys.readouterr().err
    assert ask("newest") == []


def test_the_promotion_command_records_a_person_s_answer_as_the_airflow_side_sends_it(ask: Ask) -> None:
    assert ask("answered") is None

    answered = ask("answer", json.dumps(ANSWER))

    line = "approved by anna at 2026-11-06 09:12 UTC (größer ist besser)"
    assert answered == ask("answered") == {"approved": True, "line": line}


@pytest.mark.parametrize("name", [*ANSWER, "unknown"])
def test_an_answer_with_other_fields_is_refused(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    changed = with_wrong_fields(ANSWER)[name]
    assert faults("promotion_answer", changed)
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(changed)))
    assert promotion.main(ARGUMENTS["answer"]) == 1
    assert "standard input is not an answer" in capsys.readouterr().err
    assert ask("answered") is None
