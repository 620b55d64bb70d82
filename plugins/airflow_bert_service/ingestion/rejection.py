"""Rejects a day with too many unusable rows, and keeps the list of these rows for the user."""

import datetime as dt
import math
import shutil
from collections.abc import Collection
from pathlib import Path

from airflow_bert_service.exceptions import BadInputError
from airflow_bert_service.feeds.readers.rows import Reason
from airflow_bert_service.feeds.readers.screening import OF_DATE, Rejected
from airflow_bert_service.files import make_folder, publishing
from airflow_bert_service.ingestion.label_shares import LabelShare, too_bad
from airflow_bert_service.ingestion.span_writer import QUARANTINE, WriteSummary

REFUSED = "refused"
"""Name of the folder of such lists. It is not a day, so that nothing takes it for a span."""
_SHARES = 10_000
"""A message shows a share in so many parts of one."""


def check_share(
    summary: WriteSummary,
    max_bad_share: float,
    *,
    labels: Collection[str],
    has_sets: bool,
    is_accepted: bool,
    day: dt.date,
    source: str,
    folder: Path,
    keep_in: Path,
) -> None:
    """Reject a day if more of its rows than allowed cannot be used, of all or of one label, or all of them.

    Args:
        summary: Counts of its usable and unusable rows.
        max_bad_share: The largest share allowed, 0 to 1.
        labels: The pipeline's labels.
        has_sets: Whether a row may have several labels, or none.
        is_accepted: Whether the day was accepted with these very rows before, maybe by a release that did not look at
            labels; they are not looked at then.
        day: The day.
        source: Name of the feed.
        folder: Where the day was written.
        keep_in: Folder for the list of a rejected day, ``2026-11-05.jsonl``, which is removed when the day is accepted.

    Raises:
        BadInputError: The day is rejected.
    """
    kept = keep_in / f"{day}.jsonl"
    worst = () if is_accepted else _too_bad(summary, max_bad_share, labels, has_sets=has_sets)
    if summary.bad_share <= max_bad_share and not worst and (summary.reviews or not summary.rejected):
        kept.unlink(missing_ok=True)
        return
    make_folder(keep_in)
    with publishing(kept) as part:
        shutil.copyfile(folder / QUARANTINE, part)
    raise BadInputError(_message(summary, worst, max_bad_share, day, source, kept))


def _too_bad(
    summary: WriteSummary, max_bad_share: float, labels: Collection[str], *, has_sets: bool
) -> tuple[LabelShare, ...]:
    counts = (summary.usable_of, summary.rejected_of, summary.unknown_of)
    return too_bad(*counts, max_bad_share, labels=labels, has_sets=has_sets)


def _message(
    summary: WriteSummary, worst: tuple[LabelShare, ...], max_bad_share: float, day: dt.date, source: str, kept: Path
) -> str:
    bad, share = sum(summary.rejected.values()), f"{summary.bad_share:.4g}"
    reasons = ", ".join(f"{reason} {count}" for reason, count in summary.rejected.items())
    labels = ", ".join(f"{label!r} ({count} rows)" for label, count in summary.unknown_labels)
    unknown = (
        f" Unknown labels, the most frequent: {labels}; [bert_service] labels says which are known." if labels else ""
    )
    other = summary.rejected.get(Reason.OTHER_DAY.value, 0)
    misfiled = (
        f" The dates of {other} rows are of other days than their file's, and no day reads these rows: cut files at "
        "midnight UTC, or take {date} out of [bert_service] files_pattern."
        if other
        else ""
    )
    first = "; ".join(_shown(row) for row in summary.first_rejected)
    return (
        f"feed {source}, {day}: {bad} of {bad + summary.reviews} rows cannot be used, a share of {share}"
        f"{', '.join(['', *map(str, worst)])}; "
        f"allowed: {max_bad_share:g}{', of each label too' if worst else ''}, and one usable row at least. "
        f"By reason: {reasons}.{unknown}{misfiled} "
        f"The first: {first}. All: {kept}. Nothing was published. {_remedy(summary, worst)}"
    )


def _remedy(summary: WriteSummary, worst: tuple[LabelShare, ...]) -> str:
    ways = ["Correct the delivery"]
    if any(one.like for one in worst):
        ways.append("add the unknown label to [bert_service] labels if the source has it for good")
    # Rounded up, so that the share that a user copies is enough.
    enough = math.ceil(max(summary.bad_share, *(one.enough for one in worst), 0.0) * _SHARES) / _SHARES
    if summary.reviews and enough < 1:
        ways.append(f"raise [bert_service] max_bad_share to {enough:g}")
    return f"{', or '.join(ways)}."


def _shown(row: Rejected) -> str:
    date = f", date {row.date!r}" if row.reason in OF_DATE else ""
    return f"row {row.number}: {row.reason.value} ({row.where}{date})"
