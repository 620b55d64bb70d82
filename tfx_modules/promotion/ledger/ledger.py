"""Reads and appends the ledger's events."""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from tfx_modules.common.database_url import shown
from tfx_modules.promotion import history
from tfx_modules.promotion.environment import Place
from tfx_modules.promotion.events import Approval, Draft, Event, EventKind, Run
from tfx_modules.promotion.exceptions import LedgerError, LockLostError
from tfx_modules.promotion.history import Service
from tfx_modules.promotion.ledger.database import LedgerDatabase
from tfx_modules.promotion.ledger.tables import approvals, deliveries, environment, events

Clock = Callable[[], dt.datetime]

_OF_RUN = ("dag_id", "run_id", "data_date", "first_day")
_LONG_AGO = dt.datetime.min.replace(tzinfo=dt.UTC)


def utc_now() -> dt.datetime:
    """Return the time."""
    return dt.datetime.now(dt.UTC)


class Writing:
    """One pipeline's ledger while the lock of its database is held: no other process reads or writes the database."""

    def __init__(self, connection: sa.Connection, pipeline: str, clock: Clock) -> None:
        self._connection = connection
        self._pipeline = pipeline
        self._clock = clock
        self._position = self._newest()

    def check(self) -> None:
        """Check that the lock is still held, and that nobody else has written since it was taken.

        Raises:
            LockLostError: the database has ended the session, and the lock with it, or there are others' events.
        """
        try:
            newest = self._newest()
            reason = "" if newest == self._position else f"event {newest} is another process' own"
        except sa.exc.DBAPIError as error:
            reason = " ".join(str(error.orig or error).split())
        if reason:
            raise LockLostError(
                f"the lock of the ledger at {shown(self._connection.engine.url)} was lost while it was held: {reason}. "
                "Another process may have promoted or rolled back since, so nothing more was moved. Clear the task or "
                "run the command again; `bert-service models settle` makes the served folder follow the ledger."
            )

    def _newest(self) -> int:
        """Return the position of the database's newest event, of whichever pipeline; 0: there is none."""
        return self._connection.execute(sa.select(sa.func.max(events.c.position))).scalar() or 0

    @property
    def environment(self) -> Place:
        """The ledger with its environment's id, which its tables were made with.

        Raises:
            LedgerError: somebody has deleted it, or has added a second one.
        """
        name = f"the ledger at {shown(self._connection.engine.url)}"
        found = list(self._connection.execute(sa.select(environment.c.id)).scalars())
        if len(found) != 1:
            raise LedgerError(f"{name} has {len(found)} environment ids; allowed: one. Restore it from a backup.")
        return Place(name, found[0])

    def events(self) -> list[Event]:
        """Return all events of the pipeline in order."""
        return self._events_of(self._pipeline)

    def events_of_others(self) -> dict[str, list[Event]]:
        """Return the events of the other pipelines in order, by their names."""
        names = self._connection.execute(sa.select(events.c.pipeline).distinct()).scalars()
        return {name: self._events_of(name) for name in sorted(set(names) - {self._pipeline})}

    def _events_of(self, pipeline: str) -> list[Event]:
        query = sa.select(events).where(events.c.pipeline == pipeline).order_by(events.c.position)
        return [_event(row) for row in self._connection.execute(query)]

    def service(self) -> Service:
        """Return what is in service."""
        return history.service(self.events())

    def append(self, draft: Draft) -> Event:
        """Add an event; it is in the ledger when the lock has been given back.

        Returns:
            The event with its place.

        Raises:
            LedgerError: the draft is its run's second verdict, or promotes a version a second time.
        """
        last = self._connection.execute(sa.select(events.c.position, events.c.at).order_by(events.c.position.desc()))
        position, before = last.first() or (0, _LONG_AGO)
        event = Event(**{**vars(draft), "position": position + 1, "at": max(self._clock(), before)})
        try:
            self._connection.execute(sa.insert(events).values(pipeline=self._pipeline, **_row(event)))
        except sa.exc.IntegrityError as error:
            raise LedgerError(
                f"the ledger refuses a second {draft.kind.value} of version {draft.version}, run {draft.run}: "
                f"{error.orig}. Read what is there before writing."
            ) from error
        self._position = event.position
        return event

    def approval(self, dag_id: str, run_id: str, model_digest: str) -> Approval | None:
        """Return the consent to promote a model of a run; None: the ledger has none."""
        wanted = {"pipeline": self._pipeline, "dag_id": dag_id, "run_id": run_id, "model_digest": model_digest}
        row = self._connection.execute(sa.select(approvals).filter_by(**wanted)).first()
        return _approval(row) if row else None

    def approve(self, approval: Approval) -> None:
        """Add a consent; it is in the ledger when the lock has been given back.

        Raises:
            LedgerError: the model has one already, in this run.
        """
        own = {name: value for name, value in vars(approval).items() if name != "run"}
        row = {**own, **vars(approval.run), "metrics": dict(approval.metrics), "pipeline": self._pipeline}
        try:
            self._connection.execute(sa.insert(approvals).values(row))
        except sa.exc.IntegrityError as error:
            raise LedgerError(
                f"the ledger refuses a second approval of model {approval.model_digest}, run {approval.run}: "
                f"{error.orig}. Read what is there before writing."
            ) from error

    def delivered(self, position: int) -> frozenset[str]:
        """Return the channels that an event was delivered to."""
        found = self._connection.execute(sa.select(deliveries.c.channel).where(deliveries.c.position == position))
        return frozenset(found.scalars())

    def mark_delivered(self, position: int, channel: str) -> None:
        """Note that an event was delivered to a channel; harmless when that is noted already."""
        if channel not in self.delivered(position):
            row = {"position": position, "channel": channel, "at": self._clock()}
            self._connection.execute(sa.insert(deliveries).values(row))


class Ledger:
    """One pipeline's events in a database; nothing is kept open in between."""

    def __init__(self, database: LedgerDatabase, pipeline: str, clock: Clock = utc_now) -> None:
        self._database = database
        self.pipeline = pipeline
        self._clock = clock

    @property
    def name(self) -> str:
        """The ledger, for people; without a password."""
        return self._database.name

    @contextmanager
    def exclusive(self) -> Iterator[Writing]:
        """Hold the lock; what was appended is written at the end, or not at all when an error leaves this.

        Raises:
            LedgerError: the database cannot be reached, or the lock was not to be had in time.
        """
        with self._database.transaction() as connection:
            yield Writing(connection, self.pipeline, self._clock)

    def events(self) -> list[Event]:
        """Return all events of the pipeline in order."""
        with self.exclusive() as held:
            return held.events()

    def service(self) -> Service:
        """Return what is in service."""
        return history.service(self.events())

    def approval(self, run: Run, model_digest: str) -> Approval | None:
        """Return the consent to promote a model of a run; None: the ledger has none."""
        with self.exclusive() as held:
            return held.approval(run.dag_id, run.run_id, model_digest)


def open_ledger(address: str, pipeline: str, clock: Clock = utc_now) -> Ledger:
    """Open a pipeline's ledger, and bring the database's tables up to date; a new database gets them.

    Args:
        address: ``sqlite:////absolute/path`` or ``postgresql://user:password@host:port/name``.
        pipeline: the pipeline's name; events of others are neither read nor changed.
        clock: tells the time.

    Raises:
        LedgerError: the address is neither, or the database cannot be used.
    """
    return _open(LedgerDatabase(address), pipeline, clock)


def find_ledger(address: str, pipeline: str) -> Ledger | None:
    """Open a pipeline's ledger for reading, without creating a database.

    Returns:
        The ledger; None: there is no database yet.

    Raises:
        LedgerError: as for :func:`open_ledger`.
    """
    database = LedgerDatabase(address)
    return None if database.is_missing else _open(database, pipeline, utc_now)


def _open(database: LedgerDatabase, pipeline: str, clock: Clock) -> Ledger:
    database.migrate()
    return Ledger(database, pipeline, clock)


def _row(event: Event) -> dict[str, Any]:
    own = {name: value for name, value in vars(event).items() if name != "run"}
    return {**own, "kind": event.kind.value, "metrics": dict(event.metrics), **(vars(event.run) if event.run else {})}


def _event(row: sa.Row[Any]) -> Event:
    values = row._asdict()
    del values["pipeline"]
    about = {name: values.pop(name) for name in _OF_RUN}
    return Event(**{**values, "kind": EventKind(values["kind"]), "run": Run(**about) if about["run_id"] else None})


def _approval(row: sa.Row[Any]) -> Approval:
    values = row._asdict()
    del values["pipeline"]
    about = {name: values.pop(name) for name in _OF_RUN}
    return Approval(**values, run=Run(**about))
