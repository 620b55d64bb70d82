"""What a run's promotion came to: the news that ``notify_promotion`` tells."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bert_service.exceptions import OutcomeError

PUSHED_MODEL = "pushed_model"
"""The Pusher's output key."""
NO_REASON = "no gate gave a reason; see the logs of the tasks before the Pusher"


@dataclass(frozen=True, kw_only=True)
class PromotionEvent:
    """Whether a run's model went live, and why not if it did not."""

    promoted: bool
    version: str
    """Version of the pushed model, as the model server knows it; empty when none was pushed."""
    data_date: dt.date
    """The UTC day that the run is about."""
    dag_id: str
    run_id: str
    model_uri: str
    """Where the pushed model is; empty when none was pushed."""
    reason: str
    """One line; empty when there is nothing to say."""

    def to_json(self) -> dict[str, object]:
        """Return the event as JSON values, as the webhook gets it: the fields, dates in ISO 8601, and ``event``."""
        return {"event": "promotion", **asdict(self), "data_date": self.data_date.isoformat()}

    def __str__(self) -> str:
        if self.promoted:
            news = f"promoted: version {self.version}, data date {self.data_date}, {self.model_uri}"
            return f"{news} ({self.reason})" if self.reason else news
        return f"not promoted: data date {self.data_date}: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class PromotionFacts:
    """What a promotion is told from: the run, and the outcomes that its tasks returned (JSON values; None: none)."""

    data_date: dt.date
    dag_id: str
    run_id: str
    pusher: Mapping[str, Any] | None
    """The Pusher's outcome. A Pusher that was skipped returns none."""
    gates: tuple[Mapping[str, Any] | None, ...]
    """Outcomes of the nodes that a model has to pass before the Pusher, in their order."""


def promotion_event(facts: PromotionFacts) -> PromotionEvent:
    """Tell a promotion from the outcomes of a run's tasks.

    Version and address are those that TFX's Pusher writes on its artifact (``pushed_version``, ``pushed_destination``).

    Args:
        facts: The run and the outcomes.

    Returns:
        The event. The reason is the Pusher's; without one, those of the gates that gave one.

    Raises:
        OutcomeError: The Pusher says that it pushed, but not what or where.
    """
    pushed = _pushed_properties(facts.pusher)
    reason = _reason(facts.pusher) or "; ".join(filter(None, map(_reason, facts.gates)))
    return PromotionEvent(
        promoted=bool(pushed),
        version=_required(pushed, "pushed_version") if pushed else "",
        data_date=facts.data_date,
        dag_id=facts.dag_id,
        run_id=facts.run_id,
        model_uri=_required(pushed, "pushed_destination") if pushed else "",
        reason=reason if pushed or reason else NO_REASON,
    )


def _pushed_properties(outcome: Mapping[str, Any] | None) -> Mapping[str, Any]:
    artifacts = outcome["outputs"].get(PUSHED_MODEL, ()) if outcome else ()
    return next((artifact["properties"] for artifact in artifacts if artifact["properties"].get("pushed") == 1), {})


def _required(properties: Mapping[str, Any], name: str) -> str:
    if not properties.get(name):
        raise OutcomeError(
            f"the Pusher's artifact is pushed but has no {name}; it has {', '.join(sorted(properties))}. Use a Pusher "
            "that sets it, as TFX's does."
        )
    return str(properties[name])


def _reason(outcome: Mapping[str, Any] | None) -> str:
    return str(outcome["reason"]) if outcome else ""
