"""PostgreSQL crashes every two seconds under four pushers and rollbacks; all of them try again until they are done."""

import datetime as dt
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path

from tests.support.postgres import restart_postgres, running_postgres
from tests.tfx_modules.promotion.conftest import accepts
from tfx_modules.promotion import history, manifest
from tfx_modules.promotion.events import IN_SERVICE, VERDICTS, EventKind, Run
from tfx_modules.promotion.exceptions import LedgerError, RefusedError
from tfx_modules.promotion.ledger import Ledger, open_ledger
from tfx_modules.promotion.promoter import Candidate, Promoter, settle
from tfx_modules.promotion.repository import ModelRepository
from tfx_modules.promotion.rollback import RollbackRequest, roll_back

PUSHERS = 4
RESTARTS = 5
SECONDS = 2.0


class Site:
    """One model, and those who push and roll back; each has its own connections, as processes have."""

    def __init__(self, folder: Path, address: str) -> None:
        self.repository = ModelRepository(folder / "models" / "bert")
        self.is_over = threading.Event()
        self.refused = Counter[str]()
        self.asked: list[str] = []
        self._folder = folder
        self._address = address

    def ledger(self) -> Ledger:
        return open_ledger(self._address, "bert")

    def until_done(self, what: Callable[[], object]) -> None:
        """Try again and again, as an orchestrator does; only the ledger may fail."""
        deadline = time.monotonic() + 60
        while not self._succeeds(what):
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def _succeeds(self, what: Callable[[], object]) -> bool:
        try:
            what()
        except LedgerError:
            self.refused["ledger"] += 1
            return False
        return True

    def push_all_the_time(self, pusher: int) -> None:
        for number in count():
            name = f"{pusher}-{number}"
            day = dt.date(2026, 11, 1 + (7 * number + pusher) % 28)
            model = self._folder / f"trained-{name}"
            model.mkdir()
            (model / "saved_model.pb").write_text(name)
            run = Run(dag_id="bert", run_id=name, data_date=day, first_day=day)
            candidate = Candidate(run=run, model=model, actor="somebody", older=number % 2 == 0)
            self.asked.append(name)
            self.until_done(partial(self._push, candidate))
            if self.is_over.is_set():
                return

    def roll_back_all_the_time(self) -> None:
        for number in count():
            request = RollbackRequest(actor="somebody", reason="because", asker=("rollback", str(number)))
            self.until_done(partial(self._roll_back, request))
            if self.is_over.wait(0.3):
                return

    def _push(self, candidate: Candidate) -> None:
        Promoter(self.ledger(), self.repository).promote(candidate, accepts)

    def _roll_back(self, request: RollbackRequest) -> None:
        try:
            roll_back(self.ledger(), self.repository, request)
        except RefusedError:
            self.refused["rollback"] += 1


def test_crashes_of_the_database_under_four_pushers_and_rollbacks(tmp_path: Path) -> None:
    with running_postgres() as server:
        site = Site(tmp_path, f"postgresql://postgres@/postgres?host={server}")
        ended: list[str] = []

        def start(work: Callable[[], None], name: str) -> threading.Thread:
            def guarded() -> None:
                work()
                ended.append(name)

            thread = threading.Thread(target=guarded)
            thread.start()
            return thread

        threads = [start(partial(site.push_all_the_time, number), str(number)) for number in range(PUSHERS)]
        threads.append(start(site.roll_back_all_the_time, "rollbacks"))
        for _ in range(RESTARTS):
            time.sleep(SECONDS)
            restart_postgres(server)
        site.is_over.set()
        for thread in threads:
            thread.join(120)

        assert len(ended) == len(threads), "somebody failed otherwise than by the ledger"
        assert site.refused["ledger"] >= RESTARTS
        ledger = site.ledger()
        live = settle(ledger, site.repository).live
        assert live == max(site.repository.served_versions())
        check(site, ledger)


def check(site: Site, ledger: Ledger) -> None:
    """Each run has one verdict, decided against what was in service then; what is there is whole."""
    events = ledger.events()
    verdicts = Counter(event.run.run_id for event in events if event.kind in VERDICTS and event.run)
    assert verdicts == Counter(site.asked)
    promoted = Counter(event.version for event in events if event.kind is EventKind.PROMOTED)
    assert set(promoted.values()) == {1}
    assert any(event.kind is EventKind.ROLLED_BACK for event in events)
    service = history.Service()
    for event in events:
        if event.kind in VERDICTS | IN_SERVICE:
            assert event.champion == service.live
        service = service.after(event)
    for version in site.repository.versions():
        assert manifest.check(site.repository.folder(version)) is not None
    assert site.repository.staged() == []
