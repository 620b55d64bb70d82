"""Pipelines that promote at the same moment, over one ledger and one folder of models."""

import datetime as dt
import multiprocessing
from multiprocessing.synchronize import Barrier
from pathlib import Path

from tests.tfx_modules.promotion.pushing import accept, ledger_of, repository_of
from tfx_modules.promotion import history
from tfx_modules.promotion.events import EventKind, Run
from tfx_modules.promotion.promoter import Candidate, Champion, GateResult, Promoter
from tfx_modules.promotion.rollback import RollbackRequest, roll_back

NAMES = ("tickets", "stars", "bert_sentiment")
DAYS = range(1, 6)
FORK = multiprocessing.get_context("fork")


def promote_all(folder: Path, name: str, together: Barrier) -> None:
    """Promote the models of some days, each at the same moment as the other pipelines do theirs."""
    ledger, repository = ledger_of(folder, name), repository_of(folder, name)

    def judge(champion: Champion | None) -> GateResult:
        text = (champion.folder / "saved_model.pb").read_text() if champion else ""
        return GateResult(text.startswith(name) or not text, f"compared with {text or 'nothing'}")

    for day in DAYS:
        model = folder / "trained" / f"{name}-{day}"
        model.mkdir(parents=True)
        (model / "saved_model.pb").write_text(f"{name} {day}")
        date = dt.date(2026, 11, day)
        run = Run(dag_id=name, run_id=f"of the same day {day}", data_date=date, first_day=date)
        together.wait(30)
        Promoter(ledger, repository).promote(Candidate(run=run, model=model, actor=name), judge)


def test_each_has_its_own_verdicts_versions_and_champion(tmp_path: Path) -> None:
    together = FORK.Barrier(len(NAMES))
    workers = [FORK.Process(target=promote_all, args=(tmp_path, name, together)) for name in NAMES]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * len(NAMES)

    versions = [int(f"202611{day:02d}01") for day in DAYS]
    for name in NAMES:
        events = ledger_of(tmp_path, name).events()
        assert [(event.kind, event.version) for event in events] == [
            (EventKind.PROMOTED, version) for version in versions
        ], "the same version numbers as the others', and nobody else's events"
        assert [event.champion for event in events] == [None, *versions[:-1]]
        assert {event.actor for event in events} == {name}
        repository = repository_of(tmp_path, name)
        assert repository.versions() == set(versions)
        assert (repository.served / str(versions[-1]) / "saved_model.pb").read_text() == f"{name} {DAYS[-1]}"


def test_a_rollback_of_one_leaves_the_others_in_service(tmp_path: Path) -> None:
    for name in NAMES:
        for day in (4, 5):
            model = tmp_path / "trained" / f"{name}-{day}"
            model.mkdir(parents=True)
            (model / "saved_model.pb").write_text(f"{name} {day}")
            date = dt.date(2026, 11, day)
            run = Run(dag_id=name, run_id=str(day), data_date=date, first_day=date)
            promoter = Promoter(ledger_of(tmp_path, name), repository_of(tmp_path, name))
            promoter.promote(Candidate(run=run, model=model, actor="somebody"), accept)
    roll_back(
        ledger_of(tmp_path, "tickets"),
        repository_of(tmp_path, "tickets"),
        RollbackRequest(actor="somebody", reason="because"),
    )
    assert {name: history.service(ledger_of(tmp_path, name).events()).live for name in NAMES} == {
        "tickets": 2026110401,
        "stars": 2026110501,
        "bert_sentiment": 2026110501,
    }
    served = {
        name: sorted(path.name for path in repository_of(tmp_path, name).served.glob("2026*"))[-1] for name in NAMES
    }
    assert served == {"tickets": "2026110401", "stars": "2026110501", "bert_sentiment": "2026110501"}
