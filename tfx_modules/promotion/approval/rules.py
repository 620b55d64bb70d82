"""Decides by rules when a promotion needs a person's consent, and what the consent makes of a verdict. Pure."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tfx_modules.promotion.events import Approval, Draft, EventKind
from tfx_modules.promotion.exceptions import NotApprovedError
from tfx_modules.promotion.versions import data_date

METRIC = "approval"
"""Key, in a verdict's measurements, of who answered the request for approval, when, and how."""
_NEVER_ASKED = "nobody was asked to approve it, for its data date is before the champion's"


def asks(verdict: Draft) -> bool:
    """Return whether a verdict is carried out only with a person's consent.

    Only promotions are, and of these not the one of an older date than the champion's, which somebody has asked for by
    ``promote_older``.
    """
    return verdict.kind is EventKind.PROMOTED and not _is_older(verdict)


def conclude(verdict: Draft, approval: Approval | None) -> Draft:
    """Return a verdict as the consent leaves it.

    Args:
        verdict: what the gate has decided, beside the version that is in service now.
        approval: the run's consent; None: the ledger has none.

    Returns:
        The verdict with the consent in its reason. Where the consent is about a promotion in place of another version
        than the one in service now, the candidate is blocked: nobody has seen the numbers beside the latter.

    Raises:
        NotApprovedError: a person has to consent, and nobody has.
    """
    consent = approval if approval and approval.model_digest == verdict.model_digest else None
    if consent is not None:
        return _with_consent(verdict, consent)
    if verdict.kind is not EventKind.PROMOTED:
        return verdict
    if asks(verdict):
        raise NotApprovedError(
            f"run {verdict.run.run_id if verdict.run else ''}: its model passes the gate ({verdict.reason}), "
            "gate.approval is required, and nobody has approved the model; nothing was promoted. Where Approval was "
            "marked as a success while it waited, clear it with the tasks after it, and a person is asked. Else it "
            "has asked nobody, and clearing it repeats the same judgement: trigger a new run for the data date, which "
            'judges anew. Where nodes run without Airflow nobody can be asked: set gate.approval = "none" there.'
        )
    return replace(verdict, reason=f"{verdict.reason}; {_NEVER_ASKED}")


def _with_consent(verdict: Draft, approval: Approval) -> Draft:
    metrics = {**verdict.metrics, METRIC: answered("approved", approval.actor, approval.at, approval.comment)}
    if approval.covers(verdict.model_digest, verdict.champion):
        return replace(verdict, reason=f"{verdict.reason}; {approval.line}", metrics=metrics)
    if not asks(verdict):
        return replace(verdict, reason=f"{verdict.reason}; {approval.line}, {_beside(approval)}", metrics=metrics)
    return replace(verdict, kind=EventKind.BLOCKED, reason=_out_of_date(verdict, approval), metrics=metrics)


def answered(decision: str, actor: str, at: dt.datetime, comment: str) -> Mapping[str, Any]:
    """Return an answer as JSON values, for a verdict's measurements."""
    return {"decision": decision, "by": actor, "at": at.isoformat(), "comment": comment}


def _is_older(verdict: Draft) -> bool:
    newest = data_date(verdict.champion) if verdict.champion else None
    return newest is not None and verdict.run is not None and verdict.run.data_date < newest


def _out_of_date(verdict: Draft, approval: Approval) -> str:
    return (
        f"{approval.line}, {_beside(approval)}; {verdict.champion} went into service meanwhile, and the "
        f"candidate was judged anew: {verdict.reason}; nobody has approved it beside {verdict.champion}. Trigger a run "
        "for the data date, which asks again"
    )


def _beside(approval: Approval) -> str:
    return f"while {approval.champion or 'no version'} was in service"
