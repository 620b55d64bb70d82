"""A person approves a candidate before it is promoted: what is asked, what an answer changes, and what a push finds."""

import datetime as dt
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tfx_modules.promotion.conftest import Site, accepts, refuses
from tfx_modules.promotion import command
from tfx_modules.promotion.approval import rules
from tfx_modules.promotion.approval.answering import ApprovalAnswer, answer
from tfx_modules.promotion.events import Approval, Draft, Event, EventKind, Run
from tfx_modules.promotion.exceptions import NotApprovedError
from tfx_modules.promotion.promoter import Candidate, Champion, GateResult, Promoter

AT = dt.datetime(2026, 11, 6, 9, 12, 30, tzinfo=dt.UTC)


def asked(site: Site, day: int, name: str = "a", *, older: bool = False) -> Candidate:
    return replace(site.candidate(day, name, older=older), needs_approval=True)


def proposed(site: Site, candidate: Candidate) -> Draft:
    return Promoter(site.ledger, site.repository).judged(candidate, measured)


def answered(site: Site, candidate: Candidate, *, approved: bool = True, comment: str = "") -> Approval | Event:
    verdict = proposed(site, candidate)
    given = ApprovalAnswer(
        run=candidate.run,
        approved=approved,
        actor="anna",
        at=AT,
        comment=comment,
        model_uri=verdict.model_uri,
        model_digest=verdict.model_digest,
        champion=verdict.champion,
        reason=verdict.reason,
        metrics=verdict.metrics,
    )
    return answer(site.ledger, given)


def measured(champion: Champion | None) -> GateResult:
    return replace(accepts(champion), metrics={"sets": [{"name": "sample-v1", "accuracy": 0.91}]})


def never(_: Champion | None) -> GateResult:
    return pytest.fail("was judged again")


def test_a_judgement_records_and_promotes_nothing(site: Site) -> None:
    verdict = proposed(site, asked(site, 5))

    assert (verdict.kind, verdict.reason, rules.asks(verdict)) == (EventKind.PROMOTED, "the first one", True)
    assert (site.ledger.events(), site.repository.versions()) == ([], frozenset())


def test_without_an_approval_nothing_is_promoted_and_the_run_can_still_be_asked_for(site: Site) -> None:
    remedy = "clearing it repeats the same judgement: trigger a new run for the data date, which judges anew"
    with pytest.raises(NotApprovedError, match=rf"run-5-a: its model passes the gate \(the first one\).*{remedy}"):
        site.promote(asked(site, 5))

    assert (site.ledger.events(), site.repository.versions(), site.repository.staged()) == ([], frozenset(), [])


def test_what_was_approved_is_promoted_with_the_numbers_that_were_seen_and_who_and_when(site: Site) -> None:
    candidate = asked(site, 5)
    answered(site, candidate, comment="reads well")

    event = site.promote(candidate, never)

    assert (event.kind, event.version) == (EventKind.PROMOTED, 2026110501)
    assert event.reason == "the first one; approved by anna at 2026-11-06 09:12 UTC (reads well)"
    kept = {"decision": "approved", "by": "anna", "at": AT.isoformat(), "comment": "reads well"}
    assert event.metrics["approval"] == kept
    assert event.metrics["sets"] == [{"name": "sample-v1", "accuracy": 0.91}]
    assert site.served == 2026110501


def test_a_rejection_is_the_verdict_of_the_run(site: Site) -> None:
    site.promote(site.candidate(4))
    candidate = asked(site, 5)
    answered(site, candidate, approved=False, comment="rude to sequels")

    event = site.promote(candidate, never)

    said = "rejected by anna at 2026-11-06 09:12 UTC: rude to sequels; the gate had passed it: as good as 2026110401"
    assert (event.kind, event.reason, event.actor, event.final) == (EventKind.BLOCKED, said, "anna", True)
    assert (event.champion, event.model_uri) == (2026110401, str(candidate.model))
    assert site.served == 2026110401


def test_a_rejection_without_a_reason_says_so(site: Site) -> None:
    event = answered(site, asked(site, 5), approved=False)

    assert "rejected by anna at 2026-11-06 09:12 UTC: no reason given; " in event.reason


def test_the_first_answer_counts(site: Site) -> None:
    approved, rejected = asked(site, 5), asked(site, 5, "b")
    first = answered(site, approved), answered(site, rejected, approved=False)

    again = answered(site, approved, approved=False, comment="no"), answered(site, rejected, comment="yes")

    assert again == first
    assert [event.kind for event in site.ledger.events()] == [EventKind.BLOCKED]


@pytest.mark.parametrize("back", [False, True], ids=["another is promoted", "somebody rolls back"])
def test_an_approval_does_not_hold_beside_another_version_and_the_candidate_is_judged_anew(
    site: Site, *, back: bool
) -> None:
    for day in (2, 3):
        site.promote(site.candidate(day))
    candidate = asked(site, 6)
    answered(site, candidate)
    now = (site.roll_back() if back else site.promote(site.candidate(4))).version

    event = site.promote(candidate)

    assert (event.kind, event.champion, event.final) == (EventKind.BLOCKED, now, True)
    assert event.reason == (
        "approved by anna at 2026-11-06 09:12 UTC, while 2026110301 was in service; "
        f"{now} went into service meanwhile, and the candidate was judged anew: as good as {now}; "
        f"nobody has approved it beside {now}. Trigger a run for the data date, which asks again"
    )
    assert site.served == now


def test_a_candidate_that_is_worse_than_the_version_that_went_live_meanwhile_is_blocked_by_the_gate(site: Site) -> None:
    site.promote(site.candidate(3))
    candidate = asked(site, 6)
    answered(site, candidate)
    site.promote(site.candidate(4))

    event = site.promote(candidate, refuses)

    consent = "approved by anna at 2026-11-06 09:12 UTC, while 2026110301 was in service"
    assert (event.kind, event.reason) == (EventKind.BLOCKED, f"worse than 2026110401; {consent}")
    assert event.metrics["approval"]["by"] == "anna"


def test_an_approval_is_of_one_model_and_not_of_what_a_run_trains_later(site: Site) -> None:
    answered(site, asked(site, 5))
    anew = replace(asked(site, 5), model=site.candidate(5, "other").model)

    with pytest.raises(NotApprovedError):
        site.promote(anew)

    answered(site, anew, comment="this one, too")
    event = site.promote(anew)
    assert (event.kind, event.metrics["approval"]["comment"]) == (EventKind.PROMOTED, "this one, too")


def test_an_older_date_is_never_asked_for(site: Site) -> None:
    site.promote(site.candidate(5))
    backfilled, wanted = asked(site, 3), asked(site, 4, older=True)

    assert [rules.asks(proposed(site, each)) for each in (backfilled, wanted)] == [False, False]
    assert site.promote(backfilled).kind is EventKind.SUPERSEDED
    event = site.promote(wanted)

    assert event.kind is EventKind.PROMOTED
    assert event.reason.endswith("; nobody was asked to approve it, for its data date is before the champion's")


@given(
    kind=st.sampled_from(EventKind),
    day=st.integers(1, 28),
    champion=st.none() | st.integers(1, 28),
    about=st.none() | st.tuples(st.booleans(), st.none() | st.integers(1, 28)),
)
def test_a_promotion_that_asks_is_only_carried_out_with_a_consent_to_just_that(
    kind: EventKind, day: int, champion: int | None, about: tuple[bool, int | None] | None
) -> None:
    run = Run(dag_id="bert", run_id="r", data_date=dt.date(2026, 11, day), first_day=dt.date(2026, 11, 1))
    verdict = Draft(kind=kind, reason="good", actor="a", run=run, model_digest="x", champion=_version(champion))
    consent = about and Approval(
        run=run,
        actor="anna",
        at=AT,
        comment="",
        model_digest="xy"[about[0]],
        champion=_version(about[1]),
        reason="good",
    )
    try:
        concluded = rules.conclude(verdict, consent)
    except NotApprovedError:
        assert rules.asks(verdict)
        assert consent is None or consent.model_digest != "x"
        return
    if concluded.kind is EventKind.PROMOTED and rules.asks(verdict):
        assert consent is not None
        assert consent.covers("x", verdict.champion)
    if kind is not EventKind.PROMOTED:
        assert concluded.kind is kind


def _version(day: int | None) -> int | None:
    return day and 20261100_01 + day * 100


@pytest.fixture
def environment(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv(command.LEDGER, f"sqlite:///{site.folder}/ledger/ledger.db")
    monkeypatch.setenv(command.PIPELINE, "bert")
    monkeypatch.setenv(command.MODELS, str(site.repository.served))
    return site


def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: Sequence[str], given: Any) -> Any:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(given)))
    assert command.main([*words, "--json"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


GIVEN: dict[str, Any] = {
    "dag_id": "bert",
    "run_id": "run-5-a",
    "data_date": "2026-11-05",
    "first_day": "2026-10-23",
    "model_uri": "/trained",
    "model_digest": "c0de",
    "champion": None,
    "reason": "the first one",
    "metrics": {},
    "pipeline_version": "",
    "approved": True,
    "actor": "anna",
    "at": "2026-11-06T09:12:30+00:00",
    "comment": "",
}


@pytest.mark.usefixtures("environment")
def test_the_operator_s_commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    of_run = ("answered", "--dag-id=bert", "--run-id=run-5-a", "--model-digest=c0de")
    assert told(monkeypatch, capsys, of_run, None) is None

    line = {"approved": True, "line": "approved by anna at 2026-11-06 09:12 UTC"}
    assert told(monkeypatch, capsys, ("answer",), GIVEN) == line
    assert told(monkeypatch, capsys, of_run, None) == line
    assert told(monkeypatch, capsys, (*of_run[:-1], "--model-digest=trained-anew"), None) is None
    rejected = told(monkeypatch, capsys, ("answer",), {**GIVEN, "run_id": "b", "approved": False, "comment": "rude"})

    assert rejected["approved"] is False
    assert rejected["line"].startswith("blocked: rejected by anna at 2026-11-06 09:12 UTC: rude; ")


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    "wrong",
    [
        {"approved": "yes"},
        {"at": "2026-11-06T09:12:30"},
        {"champion": "2026110401"},
        {"data_date": "5 Nov"},
        {"x": "y"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_an_answer_that_is_none_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], wrong: dict[str, Any]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps({**GIVEN, **wrong})))

    assert command.main(["answer", "--json"]) == 1
    assert "standard input is not an answer; allowed: JSON texts dag_id" in capsys.readouterr().err


def test_the_ledger_of_a_reader_that_knows_no_approvals_has_events_that_it_knows(site: Site) -> None:
    """Code from before approvals reads all events, in runs that are pinned to it."""
    answered(site, asked(site, 5))

    assert site.ledger.events() == []


def test_a_folder_is_judged_as_its_copy_would_be(site: Site, tmp_path: Path) -> None:
    """What is approved is recognised by its digest when it is pushed."""
    candidate = asked(site, 5)
    (candidate.model / "assets.extra").mkdir()
    (candidate.model / "assets.extra" / "notes").write_text(str(tmp_path))

    staged, described = site.repository.stage(candidate.model, "key")

    assert proposed(site, candidate).model_digest == described.digest
    assert staged.is_dir()
