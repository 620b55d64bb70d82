"""Reads the ledger's events for pages: a page of the history, the version in service, what was decided about one."""

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import sqlalchemy as sa

from airflow_bert_service.exceptions import LedgerReadError
from airflow_bert_service.promotion.events import IN_SERVICE, JUDGED, EventKind, PromotionEvent
from airflow_bert_service.promotion.ledger_database import LedgerDatabase

PAGE_SIZE = 50
"""Events on a page of the history."""
MOST_PAST = 10
"""Versions to roll back to that are read."""
MOST_JUDGED = 1000
"""Verdicts that are read for curves."""
MOST_OF_A_VERSION = 200
"""Events about one version that are read."""


class Order(str, Enum):
    """The order of the history."""

    TIME = "time"
    """By the time of the decision, the newest first."""
    DATE = "date"
    """By data date, the newest first; what is about no data date comes last."""


@dataclass(frozen=True, kw_only=True)
class HistoryQuery:
    """Which page of which events."""

    kind: EventKind | None = None
    """None: all kinds."""
    text: str = ""
    """What reason, actor, run, version, data date, digest or pipeline version has to contain, whatever its case."""
    order: Order = Order.TIME
    page: int = 1
    """From 1 on; after the last one, the last one is meant."""


@dataclass(frozen=True, kw_only=True)
class HistoryPage:
    """A page of the history."""

    events: tuple[PromotionEvent, ...] = ()
    counts: Mapping[EventKind, int] = field(default_factory=dict)
    """How many events have the text, by kind; kinds without any are missing."""
    total: int = 0
    """How many events have text and kind, on all pages."""
    page: int = 1
    pages: int = 1


@dataclass(frozen=True, kw_only=True)
class InService:
    """The version in service, by the ledger."""

    event: PromotionEvent
    """The event that put it in service."""
    promotion: PromotionEvent | None
    """The event by which it came into service first: of its run, with its data and its metrics."""
    before: PromotionEvent | None
    """The promotion of the version that was in service before; None: there was none."""


@dataclass(frozen=True, kw_only=True)
class VersionHistory:
    """What was decided about one version."""

    version: int
    events: tuple[PromotionEvent, ...]
    """The newest first; :data:`MOST_OF_A_VERSION` at most."""
    promotion: PromotionEvent
    """The event by which it came into service first."""
    is_live: bool
    is_pinned: bool


@dataclass(frozen=True, kw_only=True)
class PastVersion:
    """A version that was in service."""

    promotion: PromotionEvent
    """The event by which it came into service first."""
    left_by_rollback: bool
    """Whether a rollback took it out of service, the last time that it was."""


class LedgerReader:
    """Reads one pipeline's events in the ledger.

    Args:
        address: The ledger's.
        pipeline: The pipeline's name.

    Raises:
        LedgerReadError: The address is neither of SQLite nor of PostgreSQL.
    """

    def __init__(self, address: str, pipeline: str) -> None:
        self._database = LedgerDatabase(address)
        self._pipeline = pipeline

    @property
    def name(self) -> str:
        """The ledger, for people; without a password."""
        return self._database.name

    @contextmanager
    def open(self) -> Iterator["OpenLedger"]:
        """Connect to the ledger for some questions.

        Raises:
            LedgerReadError: It cannot be read.
        """
        with self._database.reading() as connection:
            yield OpenLedger(connection, self._pipeline)


class OpenLedger:
    """One pipeline's events, while the database is connected."""

    def __init__(self, connection: sa.Connection | None, pipeline: str) -> None:
        self._connection = connection
        self._of_pipeline = _EVENTS.c.pipeline == pipeline

    def history(self, query: HistoryQuery) -> HistoryPage:
        """Return a page of the history."""
        if self._connection is None:
            return HistoryPage()
        found = sa.and_(self._of_pipeline, _contains(query.text)) if query.text else self._of_pipeline
        counted = sa.select(_EVENTS.c.kind, sa.func.count()).where(found).group_by(_EVENTS.c.kind)
        counts = {_kind(kind): count for kind, count in self._connection.execute(counted)}
        total = sum(counts.values()) if query.kind is None else counts.get(query.kind, 0)
        pages = max(1, -(-total // PAGE_SIZE))
        page = min(query.page, pages)
        chosen = found if query.kind is None else sa.and_(found, _EVENTS.c.kind == query.kind.value)
        wanted = sa.select(_EVENTS).where(chosen).order_by(*_ORDERS[query.order])
        events = self._events(wanted.limit(PAGE_SIZE).offset((page - 1) * PAGE_SIZE))
        return HistoryPage(events=events, counts=counts, total=total, page=page, pages=pages)

    def in_service(self) -> InService | None:
        """Return the version in service; None: none ever was."""
        event = self._first(_EVENTS.c.kind.in_(_IN_SERVICE))
        if event is None or event.version is None:
            return None
        before = None if event.champion is None else self.promotion_of(event.champion)
        return InService(event=event, promotion=self.promotion_of(event.version), before=before)

    def promotion_of(self, version: int) -> PromotionEvent | None:
        """Return the event by which a version came into service first; None: it never did."""
        return self._first(sa.and_(_EVENTS.c.kind == EventKind.PROMOTED.value, _EVENTS.c.version == version))

    def version(self, version: int) -> VersionHistory | None:
        """Return what was decided about a version; None: it never was in service."""
        promotion = self.promotion_of(version)
        if promotion is None:
            return None
        left = sa.and_(_EVENTS.c.kind == EventKind.ROLLED_BACK.value, _EVENTS.c.champion == version)
        about = sa.and_(self._of_pipeline, sa.or_(_EVENTS.c.version == version, left))
        newest = sa.select(_EVENTS).where(about).order_by(_EVENTS.c.position.desc()).limit(MOST_OF_A_VERSION)
        pins = sa.and_(_EVENTS.c.version == version, _EVENTS.c.kind.in_(["pinned", "unpinned"]))
        pin, live = self._first(pins), self.in_service()
        return VersionHistory(
            version=version,
            events=self._events(newest),
            promotion=promotion,
            is_live=live is not None and live.event.version == version,
            is_pinned=pin is not None and pin.kind is EventKind.PINNED,
        )

    def past_versions(self, most: int = MOST_PAST) -> tuple[PastVersion, ...]:
        """Return the versions that were in service before the one that is, the last one first.

        Args:
            most: How many.
        """
        newest_first = sa.select(_EVENTS).where(self._of_pipeline, _EVENTS.c.kind.in_(_IN_SERVICE))
        changes = self._events(newest_first.order_by(_EVENTS.c.position.desc()).limit(MOST_OF_A_VERSION))
        left = {event.champion: event.kind is EventKind.ROLLED_BACK for event in reversed(changes)}
        known = dict.fromkeys(event.version for event in changes if event.version != changes[0].version)
        promotions = [(version, self.promotion_of(version)) for version in list(known)[:most] if version]
        return tuple(
            PastVersion(promotion=promotion, left_by_rollback=left.get(version, False))
            for version, promotion in promotions
            if promotion
        )

    def judged(self, days: int) -> tuple[PromotionEvent, ...]:
        """Return the verdicts about candidates of the newest data dates, the newest first.

        Args:
            days: How many days, up to the newest data date that has a verdict.
        """
        judged = sa.and_(self._of_pipeline, _EVENTS.c.kind.in_(_JUDGED), _EVENTS.c.data_date.is_not(None))
        newest = self._events(sa.select(_EVENTS).where(judged).order_by(*_ORDERS[Order.DATE]).limit(1))
        if not newest or newest[0].data_date is None:
            return ()
        since = dt.date.fromordinal(max(1, newest[0].data_date.toordinal() - days + 1))
        wanted = sa.select(_EVENTS).where(judged, _EVENTS.c.data_date >= since)
        return self._events(wanted.order_by(*_ORDERS[Order.DATE]).limit(MOST_JUDGED))

    def _first(self, condition: sa.ColumnElement[bool]) -> PromotionEvent | None:
        """Return the newest event of the pipeline that meets a condition; None: there is none."""
        wanted = sa.select(_EVENTS).where(self._of_pipeline, condition).order_by(_EVENTS.c.position.desc()).limit(1)
        return next(iter(self._events(wanted)), None)

    def _events(self, query: sa.Select[Any]) -> tuple[PromotionEvent, ...]:
        if self._connection is None:
            return ()
        return tuple(_event(row._mapping) for row in self._connection.execute(query))  # noqa: SLF001 (SQLAlchemy's API)


_EVENTS = sa.table(
    "events",
    sa.column("position", sa.BigInteger),
    sa.column("at", sa.DateTime(timezone=True)),
    sa.column("kind", sa.String),
    sa.column("reason", sa.Text),
    sa.column("actor", sa.Text),
    sa.column("dag_id", sa.String),
    sa.column("run_id", sa.String),
    sa.column("data_date", sa.Date),
    sa.column("first_day", sa.Date),
    sa.column("version", sa.BigInteger),
    sa.column("model_uri", sa.Text),
    sa.column("model_digest", sa.String),
    sa.column("champion", sa.BigInteger),
    sa.column("metrics", sa.JSON),
    sa.column("final", sa.Boolean),
    sa.column("pipeline", sa.String),
    sa.column("pipeline_version", sa.String),
)
"""The columns that are read, as `tfx_modules/promotion/ledger/tables.py` declares them."""

_IN_SERVICE = [kind.value for kind in IN_SERVICE]
_JUDGED = [kind.value for kind in JUDGED]
_ORDERS: Mapping[Order, tuple[sa.ColumnElement[Any], ...]] = {
    Order.TIME: (_EVENTS.c.position.desc(),),
    Order.DATE: (_EVENTS.c.data_date.desc().nulls_last(), _EVENTS.c.position.desc()),
}


def _contains(text: str) -> sa.ColumnElement[bool]:
    columns = _EVENTS.c
    texts = (columns.reason, columns.actor, columns.run_id, columns.model_digest, columns.pipeline_version)
    others = (sa.cast(columns.version, sa.String), sa.cast(columns.data_date, sa.String))
    return sa.or_(*(column.icontains(text, autoescape=True) for column in (*texts, *others)))


def _event(row: Mapping[Any, Any]) -> PromotionEvent:
    values = {name: value for name, value in row.items() if name != "pipeline"}
    at: dt.datetime = values["at"]
    utc = at.astimezone(dt.timezone.utc) if at.tzinfo else at.replace(tzinfo=dt.timezone.utc)
    metrics = values["metrics"] if isinstance(values["metrics"], Mapping) else {}
    return PromotionEvent(**{**values, "kind": _kind(values["kind"]), "at": utc, "metrics": metrics})


def _kind(text: str) -> EventKind:
    try:
        return EventKind(text)
    except ValueError:
        raise LedgerReadError(
            f"the ledger has an event of the kind {text!r}; allowed: {', '.join(kind.value for kind in EventKind)}. "
            "Install the release that has written it, or a later one, on the Airflow side, too."
        ) from None
