"""Pushes or rolls back in a process of its own, which is killed before a step: `pushing.py FOLDER WHAT KILL_AT`."""

import datetime as dt
import sys
from pathlib import Path

from tests.tfx_modules.promotion.steps import kill_before
from tfx_modules.promotion.events import Run
from tfx_modules.promotion.ledger import open_ledger
from tfx_modules.promotion.promoter import Candidate, Champion, GateResult, Promoter
from tfx_modules.promotion.repository import ModelRepository
from tfx_modules.promotion.rollback import RollbackRequest, roll_back


def accept(champion: Champion | None) -> GateResult:
    return GateResult(passed=True, reason=f"as good as {champion.version}" if champion else "the first one")


def main(folder: Path, what: str, kill_at: int) -> None:
    ledger, repository = (
        open_ledger(f"sqlite:///{folder}/ledger.db", "bert"),
        ModelRepository(folder / "models" / "bert"),
    )
    kill_before(kill_at)
    if what == "roll-back":
        roll_back(ledger, repository, RollbackRequest(actor="somebody", reason="because"))
        return
    day = dt.date(2026, 11, int(what))
    run = Run(dag_id="bert", run_id=what, data_date=day, first_day=day)
    Promoter(ledger, repository).promote(Candidate(run=run, model=folder / what, actor="somebody", older=True), accept)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
