"""Pushes or rolls back in a process of its own, which may be killed before a step."""

import datetime as dt
import tempfile
from pathlib import Path

from tests.tfx_modules.promotion.steps import kill_before
from tfx_modules.promotion.events import Run
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
    """Make the model of a day of November 2026."""
    model = folder / "trained" / str(day)
    (model / "variables").mkdir(parents=True)
    (model / "saved_model.pb").write_text(f"model of {day}")
    (model / "variables" / "variables.index").write_text(f"variables of {day}")


def act(folder: str, what: str) -> str:
    """Roll back (`roll-back`), or push the model of a day; return the event's kind."""
    site = Path(folder)
    ledger, repository = ledger_of(site), repository_of(site)
    if what == "roll-back":
        request = RollbackRequest(actor="somebody", reason="because", asker=("bert", what))
        return roll_back(ledger, repository, request).kind.value
    day = dt.date(2026, 11, int(what))
    run = Run(dag_id="bert", run_id=what, data_date=day, first_day=day)
    candidate = Candidate(run=run, model=site / "trained" / what, actor="somebody", older=True)
    return Promoter(ledger, repository).promote(candidate, accept).kind.value


def rehearse() -> None:
    """Do all of it once somewhere else, so that forked processes find every module imported and warm."""
    with tempfile.TemporaryDirectory() as folder:
        for day in (4, 5):
            train(Path(folder), day)
            act(folder, str(day))
        act(folder, "roll-back")


def act_until(folder: str, what: str, kill_at: str) -> None:
    """Do the same, and be killed before a step; this process ends with it."""
    kill_before(int(kill_at))
    act(folder, what)
