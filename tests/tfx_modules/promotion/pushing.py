"""Pushes or rolls back in a process of its own, which may be killed before a step."""

import datetime as dt
import tempfile
from pathlib import Path

from tests.tfx_modules.promotion.steps import kill_before
from tfx_modules.promotion.approval.answering import ApprovalAnswer, answer
from tfx_modules.promotion.events import Draft, Run
from tfx_modules.promotion.ledger import Ledger, open_ledger
from tfx_modules.promotion.promoter import Candidate, Champion, GateResult, Promoter
from tfx_modules.promotion.repository import ModelRepository
from tfx_modules.promotion.rollback import RollbackRequest, roll_back


def accept(champion: Champion | None) -> GateResult:
    return GateResult(passed=True, reason=f"as good as {champion.version}" if champion else "the first one")


def ledger_of(folder: Path, pipeline: str = "bert") -> Ledger:
    return open_ledger(f"sqlite:///{folder}/ledger/ledger.db", pipeline)


def repository_of(folder: Path, pipeline: str = "bert") -> ModelRepository:
    return ModelRepository(folder / "models" / pipeline)


def train(folder: Path, day: int) -> None:
    """Make the model of a day of November 2026, which carries something for TFLite."""
    model = folder / "trained" / str(day)
    (model / "variables").mkdir(parents=True)
    (model / "saved_model.pb").write_text(f"model of {day}")
    (model / "variables" / "variables.index").write_text(f"variables of {day}")
    (model / "assets.extra" / "tflite").mkdir(parents=True)
    (model / "assets.extra" / "tflite" / "model.tflite").write_text(f"for phones, of {day}")


def act(folder: str, what: str) -> str:
    """Roll back (`roll-back`), or push the model of a day; return the event's kind.

    `asked-DAY` is a push that needs a person's approval, `approve-DAY` and `reject-DAY` are answers about it.
    """
    site = Path(folder)
    ledger, repository = ledger_of(site), repository_of(site)
    if what == "roll-back":
        request = RollbackRequest(actor="somebody", reason="because", asker=("bert", what))
        return roll_back(ledger, repository, request).kind.value
    said, _, number = what.rpartition("-")
    day = dt.date(2026, 11, int(number))
    run = Run(dag_id="bert", run_id=f"asked-{number}" if said else number, data_date=day, first_day=day)
    candidate = Candidate(
        run=run, model=site / "trained" / number, actor="somebody", older=True, needs_approval=bool(said)
    )
    promoter = Promoter(ledger, repository)
    if said in ("approve", "reject"):
        return _answer(ledger, promoter.judged(candidate, accept), run, approved=said == "approve")
    return promoter.promote(candidate, accept).kind.value


def _answer(ledger: Ledger, verdict: Draft, run: Run, *, approved: bool) -> str:
    given = ApprovalAnswer(
        run=run,
        approved=approved,
        actor="anna",
        at=dt.datetime(2026, 11, 6, tzinfo=dt.UTC),
        comment="",
        model_uri=verdict.model_uri,
        model_digest=verdict.model_digest,
        champion=verdict.champion,
        reason=verdict.reason,
    )
    return type(answer(ledger, given)).__name__


def rehearse() -> None:
    """Do all of it once somewhere else, so that forked processes find every module imported and warm."""
    with tempfile.TemporaryDirectory() as folder:
        for day in (4, 5):
            train(Path(folder), day)
            act(folder, str(day))
        act(folder, "roll-back")
        train(Path(folder), 6)
        act(folder, "approve-6")
        act(folder, "asked-6")


def act_until(folder: str, what: str, kill_at: str) -> None:
    """Do the same, and be killed before a step; this process ends with it."""
    kill_before(int(kill_at))
    act(folder, what)
