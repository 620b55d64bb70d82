"""Derives state from the ledger's events: the version in service, earlier ones, the verdicts of runs. Pure."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tfx_modules.promotion.events import IN_SERVICE, Event, EventKind


@dataclass(frozen=True)
class Service:
    """The versions in service, rolled back and pinned, after some events."""

    live: int | None = None
    """The version in service; None: none yet."""
    past: tuple[int, ...] = ()
    """Versions in the order in which they came into service; the last one is ``live``."""
    rolled_back: frozenset[int] = frozenset()
    """Versions rolled back: they return to service only when somebody names them."""
    pinned: frozenset[int] = frozenset()
    digests: frozenset[tuple[int, str]] = frozenset()
    """Version and digest of every model that ever was in service."""

    @property
    def known(self) -> str:
        """The versions that ever were in service, for people."""
        return ", ".join(map(str, sorted(set(self.past)))) or "none"

    @property
    def previous(self) -> int | None:
        """The default target of a rollback; None: there is none."""
        return next((item for item in reversed(self.past) if item != self.live and item not in self.rolled_back), None)

    def version_of(self, digest: str) -> int | None:
        """Return the newest version that has had this digest; None: none."""
        return max((version for version, known in self.digests if known == digest), default=None)

    def digest_of(self, version: int) -> str:
        """Return the digest that a version was promoted with; empty: the ledger has none."""
        return next((digest for known, digest in self.digests if known == version), "")

    def after(self, event: Event) -> "Service":
        """Return the state after one more event."""
        if event.version is None:
            return self
        if event.kind in IN_SERVICE:
            return self._with_live(event, event.version)
        if event.kind is EventKind.PINNED:
            return replace(self, pinned=self.pinned | {event.version})
        if event.kind is EventKind.UNPINNED:
            return replace(self, pinned=self.pinned - {event.version})
        return self

    def _with_live(self, event: Event, version: int) -> "Service":
        rolled_back = self.rolled_back
        if event.kind is EventKind.ROLLED_BACK:
            # Returning to a version rolled back undoes that rollback: the one that replaced it is not marked.
            undone = version in rolled_back
            left = frozenset() if undone or self.live is None else frozenset({self.live})
            rolled_back = (rolled_back - {version}) | left
        digests = self.digests | {(version, event.model_digest)} if event.model_digest else self.digests
        return replace(self, live=version, past=(*self.past, version), rolled_back=rolled_back, digests=digests)


def service(events: Iterable[Event], at: dt.datetime | None = None) -> Service:
    """Return the state after some events.

    Args:
        events: in the ledger's order, from its first.
        at: only what happened until then; None: all.
    """
    found = Service()
    for event in events:
        if at is not None and event.at > at:
            break
        found = found.after(event)
    return found


@dataclass(frozen=True)
class ServingPeriod:
    """A period in which one version was in service."""

    event: Event
    """The event that began it."""
    until: dt.datetime | None
    """When another version replaced it; None: it has not ended."""

    def touches(self, begin: dt.datetime, end: dt.datetime) -> bool:
        """Return whether the period overlaps the time from a begin to an end."""
        return self.event.at < end and (self.until is None or self.until > begin)


def serving_periods(events: Iterable[Event]) -> list[ServingPeriod]:
    """Return the serving periods, the oldest first."""
    found = [event for event in events if event.kind in IN_SERVICE]
    ends: list[dt.datetime | None] = [*(event.at for event in found[1:]), None][: len(found)]
    return [ServingPeriod(event, end) for event, end in zip(found, ends, strict=True)]


def promotion_of(events: Iterable[Event], version: int) -> Event | None:
    """Return the event by which a version came into service first; None: it never did."""
    return next((event for event in events if event.kind is EventKind.PROMOTED and event.version == version), None)


def verdict_of(events: Iterable[Event], dag_id: str, run_id: str) -> Event | None:
    """Return the one verdict of a run; None: it has none yet."""
    return next((event for event in events_of_run(events, dag_id, run_id) if event.final), None)


def events_of_run(events: Iterable[Event], dag_id: str, run_id: str) -> list[Event]:
    """Return the events of a run, oldest first."""
    return [event for event in events if event.run and (event.run.dag_id, event.run.run_id) == (dag_id, run_id)]


def events_of(events: Iterable[Event], wanted: str) -> Sequence[Event]:
    """Return the events about a data date (ISO 8601), a run id or a version, oldest first."""
    return [event for event in events if wanted in _names(event)]


def _names(event: Event) -> set[str]:
    names = {str(event.version)} if event.version else set()
    if event.kind is EventKind.ROLLED_BACK:
        names.add(str(event.champion))  # the version that was left
    return names | {str(event.run.data_date), event.run.run_id} if event.run else names
