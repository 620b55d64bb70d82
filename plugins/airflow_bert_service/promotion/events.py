"""What the ledger of promotions says of a run or a rollback: events, as the promotion command prints them."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any

from airflow_bert_service.exceptions import PromotionCommandError


class EventKind(str, Enum):
    """What was decided."""

    PROMOTED = "promoted"
    """The run's model went into service."""
    BLOCKED = "blocked"
    """A gate kept the run's data or model out of service."""
    SUPERSEDED = "superseded"
    """The run's model is good enough, but a model of newer data is in service."""
    UNCHANGED = "unchanged"
    """The run's model is the very one that is in service."""
    FAILED = "failed"
    """The run ended before there was a model to judge."""
    ROLLED_BACK = "rolled_back"
    """Somebody put another version in service."""


_WORDS: Mapping[EventKind, str] = {EventKind.ROLLED_BACK: "rolled back to"}


@dataclass(frozen=True, kw_only=True)
class PromotionEvent:
    """An event of the ledger. It never changes, and is not made on this side."""

    position: int
    """Its place in the ledger, from 1 on."""
    at: dt.datetime
    kind: EventKind
    reason: str
    """One line, with the numbers that decided."""
    actor: str
    """Who: a user, or what acted by itself."""
    version: int | None = None
    """The version that it is about, as the model server knows it; None: none."""
    champion: int | None = None
    """The version that was in service before; None: none."""
    dag_id: str | None = None
    """The run that it is about, and the data of that run; None: it is about no run."""
    run_id: str | None = None
    data_date: dt.date | None = None
    first_day: dt.date | None = None
    model_uri: str = ""
    model_digest: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    """What was measured of candidate and champion, as JSON values; any of it may be missing."""
    final: bool = False
    """Whether it is the one verdict of its run."""

    @property
    def title(self) -> str:
        """What happened, in a few words, like ``promoted 2026110501``."""
        words = _WORDS.get(self.kind, self.kind.value)
        return f"{words} {self.version}" if self.version else words

    @property
    def line(self) -> str:
        """What happened and why, in one line."""
        return " ".join(f"{self.title}: {self.reason}".split())

    @property
    def identity(self) -> str:
        """A text that no other event has, also none of another ledger; the same whenever it is told."""
        return f"{self.dag_id or 'rollback'}.{self.position}.{int(self.at.timestamp())}"

    def to_json(self) -> dict[str, Any]:
        """Return the event as JSON values, as the command printed it."""
        values = {setting.name: getattr(self, setting.name) for setting in fields(self)}
        dates = {name: day.isoformat() for name, day in values.items() if isinstance(day, dt.date)}
        return {**values, **dates, "kind": self.kind.value, "metrics": dict(self.metrics)}


@dataclass(frozen=True, kw_only=True)
class RunEnd:
    """How a run ended that has no verdict in the ledger: what is to be recorded of it."""

    kind: EventKind
    """``blocked`` or ``failed``."""
    dag_id: str
    run_id: str
    data_date: dt.date
    first_day: dt.date
    reason: str
    actor: str

    def to_json(self) -> dict[str, str]:
        """Return JSON values, dates in ISO 8601."""
        return {**{setting.name: str(getattr(self, setting.name)) for setting in fields(self)}, "kind": self.kind.value}


def event_from(values: Any) -> PromotionEvent:
    """Read an event.

    Args:
        values: What the promotion command printed, as JSON values. Fields that are not known here are passed over.

    Returns:
        The event.

    Raises:
        PromotionCommandError: It is not an event.
    """
    try:
        known = {setting.name: values[setting.name] for setting in fields(PromotionEvent) if setting.name in values}
        return PromotionEvent(
            **{
                **known,
                "at": dt.datetime.fromisoformat(values["at"]),
                "kind": EventKind(values["kind"]),
                "data_date": _day(values.get("data_date")),
                "first_day": _day(values.get("first_day")),
            }
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PromotionCommandError(
            f"not an event of the ledger ({type(error).__name__}: {error}); allowed: a JSON object with position, at, "
            f"reason, actor and a kind of {', '.join(kind.value for kind in EventKind)}. Use a tfx_modules of the same "
            "version as the plugin."
        ) from error


def _day(value: str | None) -> dt.date | None:
    return dt.date.fromisoformat(value) if value else None
