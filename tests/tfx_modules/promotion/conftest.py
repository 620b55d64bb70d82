"""A ledger and a model repository of the test's own, and models to promote."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.postgres import postgres
from tfx_modules.promotion.events import Event, Run
from tfx_modules.promotion.ledger import Ledger, open_ledger
from tfx_modules.promotion.promoter import Candidate, Champion, GateResult, Judge, Promoter
from tfx_modules.promotion.repository import ModelRepository
from tfx_modules.promotion.rollback import RollbackRequest, roll_back

__all__ = ["postgres"]


def accepts(champion: Champion | None) -> GateResult:
    """A judge that finds every model good enough."""
    return GateResult(True, f"as good as {champion.version}" if champion else "the first one")


def refuses(champion: Champion | None) -> GateResult:
    """A judge that finds every model worse."""
    return GateResult(False, f"worse than {champion.version}" if champion else "under the floor")


@dataclass(frozen=True)
class Site:
    """Where one model's promotions are kept."""

    folder: Path
    ledger: Ledger
    repository: ModelRepository

    def candidate(self, day: int, name: str = "a", *, content: str = "", older: bool = False) -> Candidate:
        """A run's model of a day of November 2026; the same day and name are the same run."""
        model = self.folder / f"trained-{day}-{name}"
        model.mkdir(exist_ok=True)
        (model / "saved_model.pb").write_text(content or f"{day} {name}")
        date = dt.date(2026, 11, day)
        run = Run(dag_id="bert", run_id=f"run-{day}-{name}", data_date=date, first_day=date - dt.timedelta(days=13))
        return Candidate(run=run, model=model, actor="somebody", older=older)

    def promote(self, candidate: Candidate, judge: Judge = accepts) -> Event:
        return Promoter(self.ledger, self.repository).promote(candidate, judge)

    def roll_back(self, to: int | None = None) -> Event:
        return roll_back(self.ledger, self.repository, RollbackRequest(actor="somebody", reason="it is rude", to=to))

    @property
    def served(self) -> int:
        """What a server serves that takes the largest number."""
        return max(self.repository.served_versions())


@pytest.fixture
def site(tmp_path: Path) -> Site:
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger/ledger.db", "bert")
    return Site(tmp_path, ledger, ModelRepository(tmp_path / "models" / "bert"))
