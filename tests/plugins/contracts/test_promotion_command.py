"""The Airflow side calls the promotion command as contract 4 says, and reads its events."""

import datetime as dt
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from airflow_bert_service.clients.ledger import LedgerClient, Pin, PromotionEnvironment, Rollback
from airflow_bert_service.exceptions import (
    PromotionCommandError,
)
from airflow_bert_service.promotion.approval import ApprovalAnswer, proposal_from
from airflow_bert_service.promotion.events import EventKind, RunEnd, event_from

from tests.support.contracts import (
    golden,
    golden_text,
    schema,
    with_an_unknown_field,
)

RECORD, ANSWER = golden("promotion_record"), golden("promotion_answer")
RUN = {"dag_id": RECORD["dag_id"], "run_id": RECORD["run_id"]}
RUN_END = RunEnd(
    **RUN,
    kind=EventKind(RECORD["kind"]),
    data_date=dt.date.fromisoformat(RECORD["data_date"]),
    first_day=dt.date.fromisoformat(RECORD["first_day"]),
    reason=RECORD["reason"],
    actor=RECORD["actor"],
)
ANSWERED = ApprovalAnswer(
    proposal=proposal_from(
        {name: ANSWER[name] for name in ANSWER if name not in ("approved", "actor", "at", "comment")}
    ),
    approved=ANSWER["approved"],
    actor=ANSWER["actor"],
    at=dt.datetime.fromisoformat(ANSWER["at"]),
    comment=ANSWER["comment"],
)
PIN = Pin(version=2026110401, reason="the team looks at it", actor="berta")
# Stands in for the promotion command: writes down its arguments and input, and prints a prepared answer.
ECHO = """
import json, pathlib, sys
pathlib.Path("asked.json").write_text(json.dumps([sys.argv[1:], sys.stdin.read()]))
print(pathlib.Path("answer.json").read_text())
"""


def test_the_golden_event_is_read_and_written_back() -> None:
    document = golden("promotion_event")
    assert event_from(document).to_json() == document
    assert event_from(with_an_unknown_field(document)) == event_from(document)


@pytest.mark.parametrize("name", ["position", "at", "kind", "reason", "actor"])
def test_an_event_without_a_needed_field_is_refused(name: str) -> None:
    document = golden("promotion_event")
    del document[name]
    with pytest.raises(PromotionCommandError, match=f"not an event of the ledger .*{name}"):
        event_from(document)


def test_a_promotion_record_is_written() -> None:
    assert RUN_END.to_json() == RECORD


def test_an_answer_to_a_request_for_approval_is_written() -> None:
    assert ANSWERED.to_json() == ANSWER


@pytest.mark.parametrize("command", schema("promotion_arguments")["properties"])
def test_the_client_calls_the_promotion_command_with_the_golden_arguments(tmp_path: Path, command: str) -> None:
    (tmp_path / "tfx_modules").mkdir()
    (tmp_path / "tfx_modules" / "promotion.py").write_text(ECHO)
    event = golden_text("promotion_event")
    answered = dict.fromkeys(("answer", "answered"), '{"approved": true, "line": "approved by anna"}')
    answers = {"newest": f"[{event}]", "delivered": '["slack:slack"]', "deliver": '"slack:slack"', **answered}
    (tmp_path / "answer.json").write_text(answers.get(command, event), encoding="utf-8")
    ledger = LedgerClient(
        PromotionEnvironment(
            tfx_python=Path(sys.executable),
            module_root=tmp_path,
            ledger="sqlite:////ledger.db",
            pipeline="bert",
            models=tmp_path,
        )
    )

    def back(number: int, version: int | None = None) -> Rollback:
        run_id = f"manual__{number}"
        return Rollback(
            reason="answers are slow", actor="berta", dag_id="bert_rollback", run_id=run_id, version=version
        )

    ask: dict[str, Callable[[], object]] = {
        "verdict": lambda: ledger.verdict(**RUN),
        "newest": ledger.newest,
        "record": lambda: ledger.record(RUN_END),
        "delivered": lambda: ledger.delivered(1),
        "deliver": lambda: ledger.deliver(1, "slack:slack"),
        "settle": ledger.settle,
        "roll_back": lambda: ledger.roll_back(back(1)),
        "roll_back_to": lambda: ledger.roll_back(back(2, 2026110501)),
        "roll_back_by_user": lambda: ledger.roll_back(
            Rollback(reason="answers are slow", actor="berta", version=2026110401, leaving=2026110501)
        ),
        "answered": lambda: ledger.answered(**RUN, model_digest=ANSWER["model_digest"]),
        "answer": lambda: ledger.answer(ANSWERED),
        "pin": lambda: ledger.pin(PIN),
        "unpin": lambda: ledger.unpin(PIN),
    }
    ask[command]()

    arguments, text = json.loads((tmp_path / "asked.json").read_text(encoding="utf-8"))
    assert arguments == golden("promotion_arguments")[command]
    assert (json.loads(text) if text else None) == {"record": RECORD, "answer": ANSWER}.get(command)
