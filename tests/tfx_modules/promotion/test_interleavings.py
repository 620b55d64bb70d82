"""Whatever the order of pushes, retries, rollbacks and crashes, these hold."""

import datetime as dt
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.memory import memory_folder
from tests.tfx_modules.promotion.simulation import MemoryLedger, World, stepping
from tfx_modules.promotion import history, manifest
from tfx_modules.promotion.events import IN_SERVICE, VERDICTS, EventKind, Run
from tfx_modules.promotion.exceptions import ChampionUnusableError, LockLostError, RefusedError
from tfx_modules.promotion.promoter import Candidate, Champion, GateResult, Promoter, settle
from tfx_modules.promotion.repository import ModelRepository
from tfx_modules.promotion.rollback import RollbackRequest, roll_back
from tfx_modules.promotion.versions import data_date

EXAMPLES = int(os.environ.get("INTERLEAVINGS", "1000"))
"""The release notes' figure was run with more."""

Pushed = tuple[int, int, bool]
"""Day, quality, and whether an older date may be promoted."""
pushes = st.tuples(st.integers(1, 4), st.integers(0, 3), st.booleans())


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with memory_folder() as made:
        yield made


class Play:
    """Runs that push models of known quality; after every step it is checked what must hold."""

    def __init__(self, folder: Path, runs: list[Pushed]) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self.world = World(MemoryLedger(), ModelRepository(folder / "models" / "bert"))
        self.runs = runs
        for number, (_, quality, _) in enumerate(runs):
            (folder / f"model-{number}").mkdir()
            (folder / f"model-{number}" / "saved_model.pb").write_text(f"{quality} {number}")
        self._folder = folder

    def push(self, number: int) -> None:
        day, quality, older = self.runs[number]
        date = dt.date(2026, 11, day)
        run = Run(dag_id="bert", run_id=str(number), data_date=date, first_day=date)
        candidate = Candidate(run=run, model=self._folder / f"model-{number}", actor="somebody", older=older)

        def judge(champion: Champion | None) -> GateResult:
            try:
                text = (champion.folder / "saved_model.pb").read_text() if champion else "0"
            except FileNotFoundError as error:
                raise ChampionUnusableError(str(error)) from error  # moved while it was read
            return GateResult(quality >= int(text.split()[0]), "by quality")

        def work() -> None:
            with suppress(LockLostError):  # the task fails, and is tried again
                Promoter(self.world.ledger, self.world.repository).promote(candidate, judge)

        self.world.start(work)

    def roll_back(self, to: int | None) -> None:
        def work() -> None:
            try:
                request = RollbackRequest(actor="somebody", reason="because", to=to)
                roll_back(self.world.ledger, self.world.repository, request)
            except (RefusedError, LockLostError):
                return

        self.world.start(work)

    def check(self) -> None:
        events = self.world.ledger.committed
        service = history.Service()
        for event in events:
            before, service = service, service.after(event)
            # Everything was decided against what was in service at that very moment.
            if event.kind in VERDICTS | IN_SERVICE:
                assert event.champion == before.live
            if event.kind is EventKind.PROMOTED and event.run and event.version and before.live:
                newest = data_date(before.live)
                assert newest
                assert event.run.data_date >= newest or self.runs[int(event.run.run_id)][2]
        final = [event.run.run_id for event in events if event.final and event.run]
        promoted = [event.version for event in events if event.kind is EventKind.PROMOTED]
        assert len(set(final)) == len(final)
        assert len(set(promoted)) == len(promoted)
        # What a server takes was in service at some time, and is whole.
        served = max(self.world.repository.served_versions(), default=None)
        if served is not None:
            assert served in service.past
            assert manifest.check(self.world.repository.served / str(served)) is not None

    def finish(self) -> None:
        """Let everybody who is left come to an end, and everybody's task be tried again."""
        self.drain()
        for number in range(len(self.runs)):
            self.push(number)
            self.drain()
        service = settle(self.world.ledger, self.world.repository)
        final = [event.run.run_id for event in self.world.ledger.committed if event.final and event.run]
        assert sorted(final) == sorted(map(str, range(len(self.runs))))
        assert max(self.world.repository.served_versions(), default=None) == service.live
        assert service.live not in service.rolled_back
        assert not list(self.world.repository.withdrawn.glob(".staging-*"))

    def drain(self) -> None:
        while able := self.world.able():
            able[0].go_on()
            self.check()
        assert self.world.actors == []


@settings(max_examples=EXAMPLES)
@given(
    runs=st.lists(pushes, min_size=1, max_size=4),
    rollbacks=st.lists(st.none() | st.sampled_from([2026110101, 2026110201, 2026110301]), max_size=2),
    twice=st.booleans(),
    death=st.sampled_from([0.0, 0.01, 0.1]),
    loss=st.sampled_from([0.0, 0.05, 0.3]),
    seed=st.integers(0, 2**32 - 1),
)
def test_invariants_hold_after_every_step(
    folder: Path, runs: list[Pushed], rollbacks: list[int | None], twice: bool, death: float, loss: float, seed: int
) -> None:
    random = Random(seed)  # noqa: S311
    play = Play(folder / "play", runs)
    with stepping():
        # Twice: the orchestrator has given up tasks that go on all the same, and tries them again.
        for number in [*range(len(runs))] * (1 + twice):
            play.push(number)
        for to in rollbacks:
            play.roll_back(to)
        while able := play.world.able():
            actor = random.choice(able)
            if random.random() < loss:
                play.world.ledger.lose_lock()
            served = play.world.repository.served_versions() if actor.overtaken else None
            if random.random() < death:
                actor.kill()
            else:
                actor.go_on()
            # Who has lost its lock, and was overtaken, changes nothing of what is served.
            assert served in (None, play.world.repository.served_versions())
            play.check()
        play.finish()
