"""The ledger's events: one for each decision, never changed afterwards."""

import datetime as dt
import enum
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any


class EventKind(enum.StrEnum):
    """The kind of a decision."""

    PROMOTED = "promoted"
    """The run's model went into service."""
    BLOCKED = "blocked"
    """A gate kept the run's data or model out of service."""
    SUPERSEDED = "superseded"
    """The run's model is good enough, but a model of newer data is in service."""
    UNCHANGED = "unchanged"
    """The run's model is the very one that is in service."""
    FAILED = "failed"
    """The run ended before it had a candidate."""
    ROLLED_BACK = "rolled_back"
    """Somebody put another version in service."""
    PINNED = "pinned"
    """Somebody said that a version must be kept."""
    UNPINNED = "unpinned"
    """Somebody said that a version need not be kept any longer."""


VERDICTS = frozenset({EventKind.PROMOTED, EventKind.BLOCKED, EventKind.SUPERSEDED, EventKind.UNCHANGED})
"""The verdicts of a run: each run has at most one."""
IN_SERVICE = frozenset({EventKind.PROMOTED, EventKind.ROLLED_BACK})
"""After these, the event's version is the one in service."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run of the orchestrator, with the window of its data."""

    dag_id: str
    run_id: str
    data_date: dt.date
    """Last day of the window."""
    first_day: dt.date
    """First day of the window."""


@dataclass(frozen=True, kw_only=True)
class Draft:
    """An event that is not yet in the ledger."""

    kind: EventKind
    reason: str
    """One line, with the numbers that decided."""
    actor: str
    """Who decided: a user, or a program."""
    run: Run | None = None
    """The run that it is about; None: none."""
    version: int | None = None
    """The version that it is about; for a run without a promotion: None."""
    model_uri: str = ""
    """Where the model came from, which is not where it is served from."""
    model_digest: str = ""
    """SHA-256 over the model's files, see ``manifest``."""
    champion: int | None = None
    """The version that was in service before."""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    """What was measured of candidate and champion, as JSON values."""
    final: bool = False
    """Whether this is the one verdict of its run; the ledger takes no second one."""
    pipeline_version: str = ""
    """The version of the sources that its run used; empty: not known."""

    def __post_init__(self) -> None:
        """Spell out NUL, which PostgreSQL refuses: a reason quotes what was found in the data."""
        object.__setattr__(self, "reason", _without_nul(self.reason))


@dataclass(frozen=True, kw_only=True)
class Event(Draft):
    """An event in the ledger."""

    position: int
    """Rising, and unique in the database: 1 for its first event, of whichever pipeline."""
    at: dt.datetime
    """When, UTC; never before the event before it."""

    def to_json(self) -> dict[str, Any]:
        """Return the event as JSON values: the run's fields beside its own, dates in ISO 8601."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        run = values.pop("run")
        run_fields: dict[str, Any] = {"dag_id": None, "run_id": None, "data_date": None, "first_day": None}
        if run:
            run_fields = {**asdict(run), "data_date": str(run.data_date), "first_day": str(run.first_day)}
        return {
            **values,
            "kind": self.kind.value,
            "at": self.at.isoformat(),
            "metrics": dict(self.metrics),
            **run_fields,
        }


@dataclass(frozen=True, kw_only=True)
class Approval:
    """A person's consent to promote one model, in place of one version; never changed afterwards."""

    run: Run
    """The run whose model it is."""
    actor: str
    """Who has approved it."""
    at: dt.datetime
    """When, UTC."""
    comment: str
    """What the person wrote about it, in one line; empty: nothing."""
    model_digest: str
    """SHA-256 over the model's files, see ``manifest``."""
    champion: int | None
    """The version that was in service, beside which the model was judged; None: none."""
    reason: str
    """The judgement that the person saw, in one line."""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    """The measurements that the person saw, as JSON values."""

    def __post_init__(self) -> None:
        """Spell out NUL, which PostgreSQL refuses, in what a person wrote."""
        for name in ("actor", "comment"):
            object.__setattr__(self, name, _without_nul(getattr(self, name)))

    @property
    def line(self) -> str:
        """Who has approved it and when, for the reason of a verdict."""
        return f"approved by {self.actor} at {minute(self.at)}" + (f" ({self.comment})" if self.comment else "")

    def covers(self, digest: str, champion: int | None) -> bool:
        """Return whether it is about this model, in place of this version."""
        return (self.model_digest, self.champion) == (digest, champion)


def _without_nul(text: str) -> str:
    return text.replace("\0", "\\x00")


def minute(moment: dt.datetime) -> str:
    """Format a moment to the minute."""
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"
