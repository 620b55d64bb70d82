"""Reads events of the ledger of promotions, as the promotion command prints them."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any

from airflow_bert_service.exceptions import PromotionCommandError


class EventKind(str, Enum):
    """What an event of the ledger says about a run or a version."""

    PROMOTED = "promoted"
    """The run's model went into service."""
    BLOCKED = "blocked"
    """A gate kept the run's data or model out of service."""
    SUPERSEDED = "superseded"
    """The candidate is good enough, but the champion was trained on newer data."""
    UNCHANGED = "unchanged"
    """The run's model is the champion already."""
    FAILED = "failed"
    """The run ended before there was a model to judge."""
    ROLLED_BACK = "rolled_back"
    """A user put another version in service."""
    PINNED = "pinned"
    """A user said that retention must keep a version."""
    UNPINNED = "unpinned"
    """A user said that retention need not keep a version any longer."""
    WAITING = "waiting"
    """A candidate waits for a person's approval. The ledger has no such event: it gets the answer's."""


IN_SERVICE = frozenset({EventKind.PROMOTED, EventKind.ROLLED_BACK})
"""After these, the event's version is the one in service."""
JUDGED = (EventKind.PROMOTED, EventKind.BLOCKED, EventKind.SUPERSEDED, EventKind.UNCHANGED)
"""The verdicts about a candidate."""
PINS = frozenset({EventKind.PINNED, EventKind.UNPINNED})
"""They concern retention alone: no channel is notified of them."""
_WORDS: Mapping[EventKind, str] = {EventKind.ROLLED_BACK: "rolled back to", EventKind.WAITING: "waits for approval"}


@dataclass(frozen=True, kw_only=True)
class PromotionEvent:
    """An event of the ledger. It never changes, and is not made on this side."""

    position: int
    """The event's position in the ledger, from 1 on; 0: it is not in the ledger."""
    at: dt.datetime
    kind: EventKind
    reason: str
    """One line, with the numbers that decided."""
    actor: str
    """The user who caused the event, or the run type of the run that did."""
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
    """Measurements of candidate and champion, as JSON values; any of them may be missing."""
    final: bool = False
    """Whether it is the one verdict of its run."""
    pipeline_version: str = ""
    """The version of the sources that its run used; empty: not known."""

    @property
    def title(self) -> str:
        """The event in a few words, like ``promoted 2026110501``."""
        words = _WORDS.get(self.kind, self.kind.value)
        return f"{words} {self.version}" if self.version else words

    @property
    def line(self) -> str:
        """The event and its reason, in one line."""
        return " ".join(f"{self.title}: {self.reason}".split())

    @property
    def identity(self) -> str:
        """A text that identifies the event among the events of all ledgers; the same at every delivery."""
        place = self.position or self.kind.value
        return f"{self.dag_id or 'rollback'}.{place}.{int(self.at.timestamp())}"

    def to_json(self) -> dict[str, Any]:
        """Return the event as JSON values, as the command printed it."""
        values = {setting.name: getattr(self, setting.name) for setting in fields(self)}
        dates = {name: day.isoformat() for name, day in values.items() if isinstance(day, dt.date)}
        return {**values, **dates, "kind": self.kind.value, "metrics": dict(self.metrics)}


@dataclass(frozen=True, kw_only=True)
class RunEnd:
    """The event to record for a run that ended without a verdict in the ledger."""

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
    """Read an event from JSON values.

    Args:
        values: The promotion command's answer, as JSON values. Unknown fields are ignored.

    Returns:
        The parsed event.

    Raises:
        PromotionCommandError: The values are not an event.
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
