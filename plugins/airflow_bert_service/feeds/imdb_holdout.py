"""Chooses the IMDB feed's holdout, reviews of the archive's test split, once and for all.

::

    {folder}/reviews.csv      header, then a review each: columns review, sentiment
    {folder}/manifest.json    how many, which bytes, of which archive, when

Of each sentiment the reviews of lowest rank are taken, by the rule that gives the training reviews their days
(:mod:`airflow_bert_service.feeds.imdb`), so that the same archive always gives the same holdout.
"""

import csv
import datetime as dt
import heapq
import json
import logging
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from airflow_bert_service.exceptions import HoldoutError
from airflow_bert_service.feeds.imdb import rank
from airflow_bert_service.feeds.readers.reviews import Review
from airflow_bert_service.feeds.readers.rows import RawRow, Reason
from airflow_bert_service.feeds.readers.screening import screen
from airflow_bert_service.feeds.readers.tar_members import LARGEST_MEMBER, members
from airflow_bert_service.files import locked, sha256, sync

OF_EACH_SENTIMENT = 200
REVIEWS, MANIFEST = "reviews.csv", "manifest.json"
_MEMBER = re.compile(r"(?:\./)?aclImdb/(?P<id>test/(?P<folder>pos|neg)/[^/]+)\.txt")
_WAY_OUT = "Put it back, or delete the folder to have it written anew."
_LABELS = {"neg": "negative", "pos": "positive"}

_logger = logging.getLogger(__name__)


def frozen(folder: Path) -> Path | None:
    """Return the holdout's file, or None where it was not written yet.

    Args:
        folder: Where it is kept.

    Raises:
        HoldoutError: The file is not the one that was written.
    """
    if not folder.exists():
        return None
    try:
        known = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["sha256"]
        found = sha256(folder / REVIEWS)
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise HoldoutError(f"the holdout in {folder} cannot be read: {error!r}. {_WAY_OUT}") from error
    if found != known:
        raise HoldoutError(
            f"the holdout in {folder} has changed: {REVIEWS} has the SHA-256 {found}; allowed: {known}. {_WAY_OUT}"
        )
    return folder / REVIEWS


def freeze(folder: Path, archive: Path) -> Path:
    """Write the holdout, unless it exists already.

    Args:
        folder: Where it is kept. It appears complete, by one rename, or not at all.
        archive: The aclImdb tar.gz.

    Returns:
        The file.

    Raises:
        HoldoutError: The archive has no test reviews of a sentiment.
        FeedError: The archive cannot be read.
    """
    with locked(folder.parent / "lock"):
        if found := frozen(folder):
            return found
        staged = folder.with_name(f".staging-{folder.name}")
        shutil.rmtree(staged, ignore_errors=True)  # of a process that was killed
        staged.mkdir()
        _write(staged, chosen(archive), archive)
        staged.rename(folder)
        sync(folder.parent)
    _logger.info("wrote the holdout, the archive's test reviews, to %s", folder)
    return folder / REVIEWS


def chosen(archive: Path) -> list[Review]:
    """Choose the holdout's reviews; negative ones first, each sentiment by rising rank."""
    heaps: dict[str, list[tuple[int, Review]]] = {sentiment: [] for sentiment in _LABELS.values()}
    for row in screen(_rows(archive), day=dt.date.min, labels=_LABELS):
        if isinstance(row, Review):
            # A heap has its smallest item on top, and here that must be the one of the highest rank.
            heap, item = heaps[row.sentiment], (-rank(row.id), row)
            add = heapq.heappush if len(heap) < OF_EACH_SENTIMENT else heapq.heappushpop
            add(heap, item)
    if missing := [sentiment for sentiment, heap in heaps.items() if not heap]:
        raise HoldoutError(
            f"archive {archive} has no {' and no '.join(missing)} reviews in aclImdb/test, which the holdout is made "
            "of. Get the whole archive, or set [bert_service] holdout to a CSV file of your own."
        )
    return [review for heap in heaps.values() for _, review in sorted(heap, reverse=True)]


def _rows(archive: Path) -> Iterator[RawRow]:
    for member in members(archive):
        if found := _MEMBER.fullmatch(member.name):
            too_long = member.size > LARGEST_MEMBER
            text = None if too_long else member.content().decode(errors="surrogateescape")
            yield RawRow(0, found["id"], text, found["folder"], member.name, Reason.TOO_LONG if too_long else None)


def _write(folder: Path, reviews: Iterable[Review], archive: Path) -> None:
    rows = [(review.text, review.sentiment) for review in reviews]
    with (folder / REVIEWS).open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("review", "sentiment"))
        table.writerows(rows)
    manifest = {
        "reviews": len(rows),
        "sha256": sha256(folder / REVIEWS),
        "archive_sha256": sha256(archive),
        "written_at": dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds"),
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    for path in (folder / REVIEWS, folder / MANIFEST, folder):
        sync(path)
