"""Records a person's answer to a request for approval: a consent, or the run's verdict."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tfx_modules.promotion import history
from tfx_modules.promotion.approval.rules import METRIC, answered
from tfx_modules.promotion.events import Approval, Draft, Event, EventKind, Run, minute
from tfx_modules.promotion.ledger import Ledger, Writing


@dataclass(frozen=True, kw_only=True)
class ApprovalAnswer:
    """A person's answer, with the judgement that the person saw."""

    run: Run
    approved: bool
    actor: str
    """Who answered."""
    at: dt.datetime
    """When."""
    comment: str
    """The person's words, in one line; empty: none."""
    model_uri: str
    model_digest: str
    champion: int | None
    reason: str
    """The judgement, in one line."""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    pipeline_version: str = ""


def answer(ledger: Ledger, given: ApprovalAnswer) -> Approval | Event:
    """Record an answer; the first one about a model of a run stays, and a run that has a verdict keeps that.

    Args:
        ledger: gets the consent, or the verdict of a model that was rejected.
        given: the answer.

    Returns:
        The consent, or the run's verdict.
    """
    with ledger.exclusive() as held:
        found = found_answer(held, given.run.dag_id, given.run.run_id, given.model_digest)
        return found or _recorded(held, given)


def found_answer(held: Writing, dag_id: str, run_id: str, model_digest: str) -> Approval | Event | None:
    """Return what is recorded: a run's verdict, or the consent to promote this model of it; None: neither is."""
    return history.verdict_of(held.events(), dag_id, run_id) or held.approval(dag_id, run_id, model_digest)


def _recorded(held: Writing, given: ApprovalAnswer) -> Approval | Event:
    if not given.approved:
        return held.append(_rejection(given))
    approval = Approval(
        run=given.run,
        actor=given.actor,
        at=given.at,
        comment=given.comment,
        model_digest=given.model_digest,
        champion=given.champion,
        reason=given.reason,
        metrics=given.metrics,
    )
    held.approve(approval)
    return approval


def _rejection(given: ApprovalAnswer) -> Draft:
    said = given.comment or "no reason given"
    return Draft(
        kind=EventKind.BLOCKED,
        reason=f"rejected by {given.actor} at {minute(given.at)}: {said}; the gate had passed it: {given.reason}",
        actor=given.actor,
        run=given.run,
        model_uri=given.model_uri,
        model_digest=given.model_digest,
        champion=given.champion,
        metrics={**given.metrics, METRIC: answered("rejected", given.actor, given.at, given.comment)},
        final=True,
        pipeline_version=given.pipeline_version,
    )
