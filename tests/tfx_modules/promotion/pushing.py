"""Pushes or rolls back in a process of its own, which kills itself before a step: `pushing.py FOLDER WHAT KILL_AT`.

Steps are numbered from 0: each change of the file system, and each commit of the ledger.
"""

import datetime as dt
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tfx_modules.promotion.events import Run
from tfx_modules.promotion.ledger import open_ledger
from tfx_modules.promotion.promoter import Candidate, Champion, Judgement, Promoter
from tfx_modules.promotion.rollback import RollbackRequest, roll_back
from tfx_modules.promotion.shelf import Shelf


class Steps:
    """Counts steps, and ends this process before one of them."""

    def __init__(self, kill_at: int) -> None:
        self._left = kill_at

    def take(self, *_: Any) -> None:
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1

    def before(self, owner: Any, name: str) -> None:
        original = getattr(owner, name)

        def stepped(*arguments: Any, **options: Any) -> Any:
            self.take()
            return original(*arguments, **options)

        setattr(owner, name, stepped)


def accept(champion: Champion | None) -> Judgement:
    return Judgement(passed=True, told=f"as good as {champion.version}" if champion else "the first one")


def main(folder: Path, what: str, kill_at: int) -> None:
    ledger, shelf = open_ledger(f"sqlite:///{folder}/ledger.db"), Shelf(folder / "models" / "bert")
    steps = Steps(kill_at)
    for owner, name in ((Path, "rename"), (Path, "mkdir"), (shutil, "copytree"), (shutil, "rmtree"), (os, "fsync")):
        steps.before(owner, name)
    sa.event.listen(sa.Engine, "commit", steps.take)
    if what == "roll-back":
        roll_back(ledger, shelf, RollbackRequest(actor="somebody", reason="because"))
        return
    day = dt.date(2026, 11, int(what))
    run = Run(dag_id="bert", run_id=what, data_date=day, first_day=day)
    Promoter(ledger, shelf).promote(Candidate(run=run, model=folder / what, actor="somebody", older=True), accept)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
