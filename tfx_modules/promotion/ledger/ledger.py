"""Reads and appends the ledger's events."""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from tfx_modules.promotion import history
from tfx_modules.promotion.environment import Place
from tfx_modules.promotion.events import Draft, Event, EventKind, Run
from tfx_modules.promotion.exceptions import LedgerError
from tfx_modules.promotion.history import Service
from tfx_modules.promotion.ledger.database import LedgerDatabase
from tfx_modules.promotion.ledger.tables import deliveries, environment, events

Clock = Callable[[], dt.datetime]

_LONG_AGO = dt.datetime.min.replace(tzinfo=dt.timezone.utc)


def utc_now() -> dt.datetime:
    """Return the time."""
    return dt.datetime.now(dt.timezone.utc)


class Writing:
    """The ledger while its lock is held, so that no other process reads or writes it."""

    def __init__(self, connection: sa.Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    @property
    def environment(self) -> Place:
        """The ledger with its environment's id, which its tables were made with.

        Raises:
            LedgerError: somebody has deleted it, or has added a second one.
        """
        name = f"the ledger at {self._connection.engine.url!r}"
        found = list(self._connection.execute(sa.select(environment.c.id)).scalars())
        if len(found) != 1:
            raise LedgerError(f"{name} has {len(found)} environment ids; allowed: one. Restore it from a backup.")
        return Place(name, found[0])

    def events(self) -> list[Event]:
        """Return all events in order."""
        return [_event(row) for row in self._connection.execute(sa.select(events).order_by(events.c.position))]

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
            self._connection.execute(sa.insert(events).values(_row(event)))
        except sa.exc.IntegrityError as error:
            raise LedgerError(
                f"the ledger refuses a second {draft.kind.value} of version {draft.version}, run {draft.run}: "
                f"{error.orig}. Read what is there before writing."
            ) from error
        return event

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
    """The events of one database; nothing is kept open in between."""

    def __init__(self, database: LedgerDatabase, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    @contextmanager
    def exclusive(self) -> Iterator[Writing]:
        """Hold the lock; what was appended is written at the end, or not at all when an error leaves this.

        Raises:
            LedgerError: the database cannot be reached, or the lock was not to be had in time.
        """
        with self._database.transaction() as connection:
            yield Writing(connection, self._clock)

    def events(self) -> list[Event]:
        """Return all events in order."""
        with self.exclusive() as held:
            return held.events()

    def service(self) -> Service:
        """Return what is in service."""
        return history.service(self.events())


def open_ledger(address: str, clock: Clock = utc_now) -> Ledger:
    """Open a ledger, and bring its tables up to date; a new database gets them.

    Args:
        address: ``sqlite:////absolute/path`` or ``postgresql://user:password@host:port/name``.
        clock: tells the time.

    Raises:
        LedgerError: the address is neither, or the database cannot be used.
    """
    return _open(LedgerDatabase(address), clock)


def find_ledger(address: str) -> Ledger | None:
    """Open a ledger for reading, without creating one.

    Returns:
        The ledger; None: there is none yet.

    Raises:
        LedgerError: as for :func:`open_ledger`.
    """
    database = LedgerDatabase(address)
    return None if database.is_missing else _open(database, utc_now)


def _open(database: LedgerDatabase, clock: Clock) -> Ledger:
    database.migrate()
    return Ledger(database, clock)


def _row(event: Event) -> dict[str, Any]:
    own = {name: value for name, value in vars(event).items() if name != "run"}
    return {**own, "kind": event.kind.value, "metrics": dict(event.metrics), **(vars(event.run) if event.run else {})}


def _event(row: sa.Row[Any]) -> Event:
    values = row._asdict()
    about = {name: values.pop(name) for name in ("dag_id", "run_id", "data_date", "first_day")}
    return Event(**{**values, "kind": EventKind(values["kind"]), "run": Run(**about) if about["run_id"] else None})
