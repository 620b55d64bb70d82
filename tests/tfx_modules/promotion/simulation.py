"""Many pushes, retries and rollbacks at once, in an order that a test chooses, with crashes at places that it chooses.

The code under test is the real one, on real folders. Each actor is a greenlet that stops before every step: each taking
and giving back of the ledger's lock, and each change of the file system. The ledger keeps its events in memory and its
lock is the simulation's, so that an order can be played; what the databases promise is tested with themselves. Its
session can end while an actor holds it, as PostgreSQL's can: the lock is free then, and the actor does not know.
"""

import datetime as dt
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from greenlet import getcurrent, greenlet

from tfx_modules.promotion.environment import Place
from tfx_modules.promotion.events import IN_SERVICE, Draft, Event
from tfx_modules.promotion.exceptions import LockLostError
from tfx_modules.promotion.ledger import Ledger, Writing
from tfx_modules.promotion.ledger.database import LedgerDatabase
from tfx_modules.promotion.repository import ModelRepository


class Killed(BaseException):
    """The actor's process is gone: nothing of it runs any more, no clean-up either."""


class Actor(greenlet):  # type: ignore[misc]
    """Somebody who pushes or rolls back, as a process of its own."""

    def __init__(self, work: Callable[[], None], hub: greenlet) -> None:
        super().__init__(work, parent=hub)
        self.is_dead = False
        self.waits_for_lock = False
        self.overtaken = False
        """Whether another one has put a version in service since this one lost its lock."""

    def go_on(self) -> None:
        """Run up to the next step."""
        self.switch()

    def kill(self) -> None:
        """End it where it is."""
        self.is_dead = True
        if not self.dead:
            self.throw(Killed)


def step() -> None:
    """Stop before a change of the world, until the simulation goes on; dead ones change nothing."""
    actor = getcurrent()
    if not isinstance(actor, Actor):
        return
    if not actor.is_dead:
        actor.parent.switch()
    if actor.is_dead:
        raise Killed


class _Held(Writing):
    def __init__(self, committed: list[Event]) -> None:
        self._committed = committed
        self._added: list[Event] = []
        self.is_lost = False

    def check(self) -> None:
        if self.is_lost:
            raise LockLostError("the session has ended")

    @property
    def environment(self) -> Place:
        return Place("the ledger in memory", "00000000-0000-4000-8000-000000000001")

    def events(self) -> list[Event]:
        return [*self._committed, *self._added]

    def append(self, draft: Draft) -> Event:
        position = len(self.events()) + 1
        at = dt.datetime(2026, 11, 25, tzinfo=dt.UTC) + dt.timedelta(seconds=position)
        event = Event(**{**vars(draft), "position": position, "at": at})
        self._added.append(event)
        return event


class MemoryLedger(Ledger):
    """A ledger whose lock one actor holds at a time, and which a crash leaves as it was before the lock was taken."""

    def __init__(self) -> None:
        super().__init__(LedgerDatabase("sqlite:////never/connected"), "bert")
        self.committed: list[Event] = []
        self._holder: greenlet | None = None
        self._held: _Held | None = None
        self._losers: list[Actor] = []

    @contextmanager
    def exclusive(self) -> Iterator[Writing]:
        actor = getcurrent()
        step()
        while self._holder is not None and not self._holder.dead:
            actor.waits_for_lock = True
            step()
        actor.waits_for_lock = False
        self._holder = actor
        self._held = held = _Held(self.committed)
        try:
            yield held
            step()
            held.check()
            self._commit(held)
            self._holder = None
            step()
        finally:
            if self._holder is actor:
                self._holder = None
            if isinstance(actor, Actor):
                actor.overtaken = False
            self._losers = [loser for loser in self._losers if loser is not actor]

    def _commit(self, held: _Held) -> None:
        before, self.committed = self.committed, held.events()
        if any(event.kind in IN_SERVICE for event in self.committed[len(before) :]):
            for loser in self._losers:
                loser.overtaken = True

    def lose_lock(self) -> None:
        """End the session that holds the lock, if there is one; its actor goes on."""
        if isinstance(self._holder, Actor) and self._held and not self._holder.dead:
            self._held.is_lost = True
            self._losers.append(self._holder)
            self._holder = None

    @property
    def is_locked(self) -> bool:
        return self._holder is not None


@dataclass
class World:
    """A ledger and a model repository, and the actors that are at work."""

    ledger: MemoryLedger
    repository: ModelRepository
    actors: list[Actor] = field(default_factory=list)

    def start(self, work: Callable[[], None]) -> None:
        """Add somebody."""

        def lifelong() -> None:
            try:
                step()
                work()
            except Killed:
                return

        actor = Actor(lifelong, getcurrent())
        actor.go_on()
        self.actors.append(actor)

    def able(self) -> list[Actor]:
        """Return those who can take a step now."""
        self.actors = [actor for actor in self.actors if not actor.dead]
        return [actor for actor in self.actors if not (actor.waits_for_lock and self.ledger.is_locked)]


@contextmanager
def stepping() -> Iterator[None]:
    """Stop before each change of the file system."""
    with ExitStack() as stack:
        changes = (
            *((Path, name) for name in ("rename", "mkdir", "rmdir")),
            *((shutil, name) for name in ("copytree", "rmtree")),
        )
        for owner, name in changes:
            original = getattr(owner, name)
            stack.enter_context(patch.object(owner, name, _after_step(original)))
        yield


def _after_step(original: Callable[..., Any]) -> Callable[..., Any]:
    def stepped(*arguments: Any, **options: Any) -> Any:
        step()
        return original(*arguments, **options)

    return stepped
