"""Writes what a person is asked about a candidate, and reads the answer. Pure."""

import datetime as dt
import json
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_bert_service.exceptions import OutcomeError
from airflow_bert_service.markdown import escaped
from airflow_bert_service.promotion.events import EventKind, PromotionEvent
from airflow_bert_service.promotion.measurements import MeasuredSet, engine, measured_sets, number

ASKS = "asks"
"""Custom property of the artifact: 1 where a person is asked."""
PROPOSAL = "proposal"
"""Key of the node's output, and of the custom property that has the judgement as JSON."""
LONGEST_COMMENT = 500
"""Characters of an answer's comment that are kept: it is part of a line of the ledger, of notes and of messages."""
NOBODY = "time-out"
"""Who has answered where nobody has."""
_ADVICE = (
    "To reject it, write the reason below. The ledger records who answers, when, and what is written. Without an "
    "answer within {wait} the candidate is {end}."
)


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A candidate that has passed the gate, as the node ``Approval`` has judged it."""

    dag_id: str
    run_id: str
    data_date: str
    """ISO 8601."""
    first_day: str
    model_uri: str
    model_digest: str
    champion: int | None
    """The version that it was judged beside; None: none was in service."""
    reason: str
    """The judgement, in one line."""
    pipeline_version: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the proposal as JSON values."""
        return {**vars(self), "metrics": dict(self.metrics)}


@dataclass(frozen=True, kw_only=True)
class ApprovalAnswer:
    """A person's answer, or that of the time-out."""

    proposal: Proposal
    approved: bool
    actor: str
    at: dt.datetime
    comment: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return what the ledger records, as JSON values."""
        own = {"approved": self.approved, "actor": self.actor, "at": self.at.isoformat()}
        return {**self.proposal.to_json(), **own, "comment": one_line(self.comment)}


@dataclass(frozen=True)
class RecordedAnswer:
    """What the ledger has of a request for approval."""

    approved: bool
    """Whether the model may be promoted; else the run has a verdict."""
    line: str
    """Who has answered, when, and why; or the verdict."""


def proposal_from(values: Mapping[str, Any]) -> Proposal:
    """Read a proposal from JSON values.

    Raises:
        OutcomeError: They are none.
    """
    try:
        return Proposal(**values)
    except TypeError as error:
        raise OutcomeError(f"not a proposal to promote ({error}); use tfx_modules of the plugin's version.") from error


def proposal_of(properties: Mapping[str, Any]) -> Proposal | None:
    """Read what a person is to be asked, from the artifact of the node ``Approval``; None: nobody is asked.

    Args:
        properties: The artifact's, from the node's outcome.

    Raises:
        OutcomeError: They are not those of a proposal.
    """
    if not properties.get(ASKS):
        return None
    try:
        return proposal_from(json.loads(properties[PROPOSAL]))
    except (ValueError, TypeError, KeyError) as error:
        raise OutcomeError(f"not a proposal to promote ({error}); use tfx_modules of the plugin's version.") from error


def subject_of(proposal: Proposal) -> str:
    """Return the request's first line."""
    place = f"in place of {proposal.champion}" if proposal.champion else "as the first version in service"
    return f"Promote the model of data date {proposal.data_date} {place}?"


def waiting(
    proposal: Proposal, *, at: dt.datetime, actor: str, wait: dt.timedelta, timeout_promotes: bool
) -> PromotionEvent:
    """Return what channels are told when a request begins to wait.

    Args:
        proposal: What is asked.
        at: When it was asked first; a message that is sent again has the same.
        actor: The user who caused the run, or its type.
        wait: How long the request waits.
        timeout_promotes: Whether the candidate is then promoted.
    """
    end = "promoted" if timeout_promotes else "rejected"
    return PromotionEvent(
        position=0,
        at=at,
        kind=EventKind.WAITING,
        reason=f"{proposal.reason}; without an answer within {hours(wait)} it is {end}",
        actor=actor,
        champion=proposal.champion,
        dag_id=proposal.dag_id,
        run_id=proposal.run_id,
        data_date=dt.date.fromisoformat(proposal.data_date),
        first_day=dt.date.fromisoformat(proposal.first_day),
        model_uri=proposal.model_uri,
        model_digest=proposal.model_digest,
        metrics=proposal.metrics,
        pipeline_version=proposal.pipeline_version,
    )


def hours(wait: dt.timedelta) -> str:
    """Write a time in hours."""
    return f"{wait / dt.timedelta(hours=1):g} hours"


def one_line(comment: str) -> str:
    """Return a person's words in one line, without control characters, and not longer than :data:`LONGEST_COMMENT`."""
    words = " ".join(comment.split())
    return "".join(one for one in words if unicodedata.category(one) != "Cc")[:LONGEST_COMMENT]


def body_of(proposal: Proposal, links: Mapping[str, str], *, wait: dt.timedelta, timeout_promotes: bool) -> str:
    """Write the request, in Markdown; texts from elsewhere are shown as they are.

    It names no moment: Airflow keeps a request's first text, and each try of the task waits anew.

    Args:
        proposal: What is asked.
        links: URLs by label.
        wait: How long the request waits.
        timeout_promotes: Whether the candidate is then promoted.
    """
    end = "promoted" if timeout_promotes else "rejected"
    linked = " · ".join(f"[{label}]({url})" for label, url in links.items())
    parts = [
        f"The gate has passed the candidate: {escaped(proposal.reason)}.",
        "\n".join(_table(proposal)),
        f"Data: {proposal.first_day} to {proposal.data_date}{_size(proposal)}.",
        linked,
        _ADVICE.format(wait=hours(wait), end=end),
    ]
    return "\n\n".join(filter(None, parts))


def _table(proposal: Proposal) -> Iterator[str]:
    measured = measured_sets(proposal.metrics)
    if not measured:
        return
    yield f"| Reviews | Candidate | {proposal.champion or 'No version'} in service | Difference |"
    yield "|---|---|---|---|"
    for one in measured:
        shares = (_share(one.measure, value) for value in (one.accuracy, one.champion_accuracy))
        cells = (escaped(one.name), *shares, _difference(one))
        yield f"| {' | '.join(cells)} |"


def _share(measure: str, value: float | None) -> str:
    return "not measured" if value is None else f"{measure} {value:.3f}"


def _difference(one: MeasuredSet) -> str:
    if not one.verdict:
        return "not compared"
    chance = f", p = {one.p:.2g}" if one.p is not None else ""
    count = f", {one.n} reviews" if one.n is not None else ""
    return f"{escaped(one.verdict)}{chance}{count}"


def _size(proposal: Proposal) -> str:
    metrics = proposal.metrics
    size, latency = number(metrics.get("bytes")), number(metrics.get("latency_ms"))
    parts = (f"{size / 1e6:.1f} MB" if size else "", f"{latency:.1f} ms a review" if latency else "", engine(metrics))
    found = ", ".join(filter(None, parts))
    return f". Model: {found}" if found else ""
