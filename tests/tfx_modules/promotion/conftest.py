"""A ledger and a model repository of the test's own, and models to promote."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.postgres import postgres
from tfx_modules.promotion import manifest
from tfx_modules.promotion.events import Event, Run
from tfx_modules.promotion.ledger import Ledger, open_ledger
from tfx_modules.promotion.moves import moving
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

    def promote(self, candidate: Candidate, judge: Judge = accepts, *, blocks_on_damage: bool = True) -> Event:
        promoter = Promoter(self.ledger, self.repository, blocks_on_damage=blocks_on_damage)
        return promoter.promote(candidate, judge)

    def roll_back(self, to: int | None = None) -> Event:
        return roll_back(self.ledger, self.repository, RollbackRequest(actor="somebody", reason="it is rude", to=to))

    def publish(self, staged: Path, version: int) -> None:
        with self.ledger.exclusive() as held, moving(held, self.repository) as moves:
            moves.publish(staged, version)

    def remove(self, version: int) -> None:
        with self.ledger.exclusive() as held, moving(held, self.repository) as moves:
            moves.remove(version)

    @property
    def served(self) -> int:
        """What a server serves that takes the largest number."""
        return max(self.repository.served_versions())


def change_a_file(folder: Path) -> None:
    """Change a byte of a model."""
    (folder / "saved_model.pb").write_text("others")


def delete_the_manifest(folder: Path) -> None:
    """Delete the manifest, and nothing else."""
    (folder / manifest.PLACE).unlink()


def put_another_model_there(folder: Path) -> None:
    """Change a byte, and write a manifest that fits."""
    change_a_file(folder)
    manifest.write(folder)


DAMAGES = {
    change_a_file: r"is not the model that its manifest lists: saved_model.pb \(changed\)",
    delete_the_manifest: r"has no manifest assets.extra/manifest.json, with which it was promoted",
    put_another_model_there: r"is not the model that was promoted by this number: its digest is \w+, and the ledger's",
}
"""Ways of damaging a version, and what is said of it."""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger/ledger.db", "bert")
    return Site(tmp_path, ledger, ModelRepository(tmp_path / "models" / "bert"))
