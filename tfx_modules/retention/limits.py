"""Limits of what one retention may remove: a share of each kind, and a clock that can be believed. Pure."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tfx_modules.common.program import program
from tfx_modules.retention.plan import Item, ItemKind
from tfx_modules.retention.request import RetentionRules

FEW = 10
"""So many of a kind may always go: of a few things, the share says nothing."""
AHEAD = dt.timedelta(days=1)
"""How far artifacts and reviews may be ahead of this machine's clock: a file system's or another machine's differs."""
EVENT_AHEAD = dt.timedelta(minutes=10)
"""How far the ledger's newest event may be ahead of it."""


@dataclass(frozen=True, kw_only=True)
class Newest:
    """When the newest of each was written; None: there is none."""

    event: dt.datetime | None
    """The ledger's newest event."""
    execution: dt.datetime | None
    """The newest change of an execution in ML Metadata."""
    span: dt.datetime | None
    """The newest day of reviews; not its date, which is the reviews'."""


def share_objection(items: Iterable[Item], totals: Mapping[ItemKind, int], rules: RetentionRules) -> str:
    """Return what is objected to a plan that would remove too much of a kind; empty: nothing.

    Args:
        items: the plan.
        totals: how many there are of each kind, counted as the items' ``count`` is.
        rules: ``keep_max_removed_share`` is the largest share.
    """
    going: dict[ItemKind, int] = {}
    for item in items:
        going[item.kind] = going.get(item.kind, 0) + item.count
    over = [
        f"{kind.value} {count} of {max(count, totals.get(kind, 0))}"
        for kind, count in going.items()
        if count > FEW and count > rules.keep_max_removed_share * totals.get(kind, 0)
    ]
    if not over:
        return ""
    return (
        f"more would go at once than keep_max_removed_share = {rules.keep_max_removed_share:g} allows: "
        f"{', '.join(over)}; allowed: that share of a kind, or {FEW}. Nothing was removed. Look at what would go with "
        f"`{program('bert-service retention')} --dry-run`; where all of it may go, add --max-removed-share 1.0 (in the "
        "form of the DAG: max_removed_share)."
    )


def clock_objection(newest: Newest, rules: RetentionRules, now: dt.datetime) -> str:
    """Return what is objected to this machine's clock; empty: nothing.

    Args:
        newest: when things were written last.
        rules: the longest of their ages is how long nothing may have been written.
        now: the machine's time.
    """
    written = {
        "event of the ledger": (newest.event, EVENT_AHEAD),
        "execution in ML Metadata": (newest.execution, AHEAD),
        "day of reviews": (newest.span, AHEAD),
    }
    found = [(moment, name, ahead) for name, (moment, ahead) in written.items() if moment is not None]
    for moment, name, ahead in found:
        if moment > now + ahead:
            return _wrong_clock(f"the newest {name} was written at {_text(moment)}, which is still to come", now)
    ages = (rules.keep_artifact_days, rules.keep_span_days, rules.keep_score_days, rules.keep_log_days)
    longest = dt.timedelta(days=max(ages))
    if found and longest:
        moment, name, _ = max(found)
        if moment < now - longest:
            what = f"nothing was written since the newest {name} at {_text(moment)}, for more than {longest.days} days"
            return _wrong_clock(f"{what}, so that all would go by its age", now)
    return ""


def _wrong_clock(what: str, now: dt.datetime) -> str:
    return (
        f"{what}; this machine's clock says {_text(now)}. Nothing was removed. Correct the clock; where it is right, "
        f"run `{program('bert-service retention')} --trust-clock` (in the form of the DAG: trust_clock)."
    )


def _text(moment: dt.datetime) -> str:
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"
