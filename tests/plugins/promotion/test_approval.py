"""What a person is asked, and how the answer reaches the ledger: by the real promotion command."""

import datetime as dt
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from airflow_bert_service.clients.ledger import LedgerClient
from airflow_bert_service.exceptions import OutcomeError, PromotionCommandError
from airflow_bert_service.markdown import escaped
from airflow_bert_service.promotion.approval import (
    LONGEST_COMMENT,
    ApprovalAnswer,
    Proposal,
    body_of,
    proposal_of,
    subject_of,
)
from airflow_bert_service.promotion.events import EventKind
from airflow_bert_service.promotion.measurements import answered
from hypothesis import given
from hypothesis import strategies as st

from tests.plugins.promotions import PROMOTED, client
from tests.support.airflow_home import PROJECT_ROOT

AT = dt.datetime(2026, 11, 6, 9, 12, 30, tzinfo=dt.timezone.utc)
PROPOSAL = Proposal(
    dag_id="bert_sentiment",
    run_id="manual__2026-11-05",
    data_date="2026-11-05",
    first_day="2026-10-23",
    model_uri="/var/pipeline/Trainer/model/7",
    model_digest="c0de",
    champion=2026110401,
    reason="accuracy 0.910 > 0.874 of 2026110401 on sample-v1, p = 0.012",
    metrics=PROMOTED["metrics"],
)
PROPERTIES = {"asks": 1, "verdict": "promoted", "proposal": json.dumps(PROPOSAL.to_json())}
RUN = {"dag_id": PROPOSAL.dag_id, "run_id": PROPOSAL.run_id}
MODEL = {**RUN, "model_digest": PROPOSAL.model_digest}


def test_the_request_shows_the_verdict_the_numbers_and_the_links() -> None:
    body = body_of(PROPOSAL, {"Run": "https://a.example/run"}, wait=dt.timedelta(hours=36), timeout_promotes=False)

    assert subject_of(PROPOSAL) == "Promote the model of data date 2026-11-05 in place of 2026110401?"
    assert "accuracy 0.910 \\> 0.874 of 2026110401 on sample-v1, p = 0.012" in body
    assert "| sample-v1 | accuracy 0.910 | accuracy 0.874 | better, p = 0.012, 400 reviews |" in body
    assert "Data: 2026-10-23 to 2026-11-05. Model: 91.0 MB, 12.3 ms a review." in body
    assert "[Run](https://a.example/run)" in body
    assert body.endswith("Without an answer within 36 hours the candidate is rejected.")


def test_the_first_model_is_asked_for_without_a_champion() -> None:
    first = replace(PROPOSAL, champion=None, metrics={"sets": [{"name": "the eval split", "accuracy": 0.9}]})
    body = body_of(first, {}, wait=dt.timedelta(hours=36), timeout_promotes=True)

    assert subject_of(first).endswith("as the first version in service?")
    assert "| the eval split | accuracy 0.900 | not measured | not compared |" in body
    assert body.endswith("the candidate is promoted.")


def test_of_label_sets_the_exact_match_is_told() -> None:
    found = {"name": "own-v1", "accuracy": 0.75, "champion_accuracy": 0.5, "measure": "exact match"}

    body = body_of(replace(PROPOSAL, metrics={"sets": [found]}), {}, wait=dt.timedelta(hours=1), timeout_promotes=True)

    assert "| own-v1 | exact match 0.750 | exact match 0.500 | not compared |" in body


@given(st.text())
def test_texts_from_elsewhere_make_no_markup(text: str) -> None:
    shown = escaped(text)

    unescaped = [mark for at, mark in enumerate(shown) if mark in "|<>[]*`#" and shown[at - 1 : at] != "\\"]
    assert unescaped == []
    assert "\n" not in shown


def test_names_are_shown_without_marks_of_their_own() -> None:
    assert escaped("task refresh_data: _this_ __is__ a_ _b") == "task refresh_data: \\_this\\_ \\_\\_is\\_\\_ a\\_ \\_b"


def test_nobody_is_asked_where_the_node_asks_nobody() -> None:
    assert proposal_of(PROPERTIES) == PROPOSAL
    assert proposal_of({**PROPERTIES, "asks": 0}) is None
    assert proposal_of({}) is None


@pytest.mark.parametrize("text", ["", "7", "[]", "{}", '{"dag_id": "x", "colour": "blue"}'])
def test_a_proposal_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(OutcomeError, match=r"not a proposal to promote \("):
        proposal_of({**PROPERTIES, "proposal": text})


@pytest.fixture
def ledger(tmp_path: Path) -> LedgerClient:
    """The real command, in this environment's Python."""
    return client(tmp_path, module_root=PROJECT_ROOT, tfx_python=Path(sys.executable))


def answer(**changes: Any) -> ApprovalAnswer:
    return ApprovalAnswer(**{"proposal": PROPOSAL, "approved": True, "actor": "anna", "at": AT, **changes})


def test_an_approval_is_in_the_ledger_and_stays(ledger: LedgerClient) -> None:
    approved = ledger.answer(answer(comment="reads\n well " + "!" * LONGEST_COMMENT))

    assert approved.approved
    assert approved.line.startswith("approved by anna at 2026-11-06 09:12 UTC (reads well !!!")
    assert ledger.answer(answer(approved=False)) == ledger.answered(**MODEL) == approved
    assert ledger.answered(**{**MODEL, "model_digest": "trained anew"}) is None


def test_a_rejection_is_the_run_s_verdict(ledger: LedgerClient) -> None:
    rejected = ledger.answer(answer(approved=False, comment="rude"))

    event = ledger.verdict(**RUN)
    assert event is not None
    assert (event.kind, event.actor, rejected.approved, rejected.line) == (
        EventKind.BLOCKED,
        "anna",
        False,
        event.line,
    )
    found = answered(event.metrics)
    assert found is not None
    assert (found.by, found.at, found.comment) == ("anna", AT, "rude")


def test_an_answer_that_the_command_does_not_know_is_refused(ledger: LedgerClient) -> None:
    with pytest.raises(PromotionCommandError, match="standard input is not an answer"):
        ledger.answer(answer(proposal=replace(PROPOSAL, data_date="yesterday")))


@pytest.mark.parametrize("found", [None, 7, {}, {"at": "yesterday"}, {"at": "2026-11-06T09:12:30"}])
def test_what_is_no_answer_is_not_shown_as_one(found: Any) -> None:
    assert answered({"approval": found}) is None
