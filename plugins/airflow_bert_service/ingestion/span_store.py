"""Stores reviews for the pipeline: a folder a day, which TFX reads as a span, and in it a folder for each version.

::

    {folder}/2026-11-05/v1/reviews.csv        header, then a line a review
    {folder}/2026-11-05/v1/quarantine.jsonl   a line for every row that cannot be used, if there are any
    {folder}/2026-11-05/v1/manifest.json      how many, which bytes, from where, when
    {folder}/2026-11-05/v2/...                what the day became when it was delivered again with other content
    {folder}/refused/2026-11-05.jsonl         the unusable rows of a day that was rejected, for the user
    {folder}/.staging/                        versions in the making; a lock

A version never changes once it is there, so that a run that names it reads the same reviews for ever.

:mod:`airflow_bert_service.ingestion.span_writer` writes the first two.
"""

import datetime as dt
import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from enum import Enum
from pathlib import Path

from airflow_bert_service.feeds.readers.reviews import Review
from airflow_bert_service.feeds.readers.screening import Rejected
from airflow_bert_service.files import locked, make_folder, sha256, sync
from airflow_bert_service.ingestion.rejection import REFUSED, check_share
from airflow_bert_service.ingestion.span_writer import QUARANTINE, REVIEWS, WriteSummary, write_day

MANIFEST = "manifest.json"
_LOCK = "lock"
_VERSION = re.compile(r"v(?P<number>[1-9][0-9]*)")


class Change(str, Enum):
    """How writing a span changed the store."""

    NEW = "new"
    """The day was not there before."""
    CORRECTED = "corrected"
    """The day had other content before; that is still there, as the version before."""
    UNCHANGED = "unchanged"
    """The day had the same content; nothing was touched."""


@dataclass(frozen=True)
class SpanManifest:
    """The content of a span's ``manifest.json``: counts, digests and origin."""

    rows: int
    """Number of reviews."""
    sha256: str
    """Digest of ``reviews.csv``, hex."""
    source: str
    """Name of the feed that it came from."""
    written_at: str
    """The moment of writing, UTC, ISO 8601."""
    rejected: Mapping[str, int] = field(default_factory=dict)
    """Number of rows that cannot be used, by reason."""
    quarantine_sha256: str = ""
    """Digest of ``quarantine.jsonl``, hex; empty where there is none."""

    def has_content_of(self, other: "SpanManifest | WriteSummary") -> bool:
        """Whether both are of the same reviews and the same rejected rows."""
        return (self.sha256, self.quarantine_sha256) == (other.sha256, other.quarantine_sha256)


@dataclass(frozen=True)
class Span:
    """A day in the store, and the change that the last write made."""

    day: dt.date
    version: int
    """TFX's version of the span, 1 or more."""
    manifest: SpanManifest
    change: Change


@dataclass(frozen=True)
class SpanStore:
    """Keeps spans below a folder. It is not a feed: it stores rows, and does not decide which rows a day has.

    A version is staged beside the days and appears by one rename, so that no reader sees half of it. One process writes
    at a time. The next writer clears what a killed writer has left in the staging folder.
    """

    folder: Path
    max_bad_share: float = 0.0
    """The largest share of a day's rows, 0 to 1, that may be unusable; of all, and of those with each label."""
    labels: tuple[str, ...] = ()
    """The pipeline's labels. Empty: those of a day's rows."""
    has_sets: bool = False
    """Whether a row may have several labels, or none: of a multilabel task."""

    def write(self, day: dt.date, rows: Iterable[Review | Rejected], *, source: str) -> Span:
        """Write a day's reviews, as a new version of the day if they differ from its latest.

        Args:
            day: The day; a UTC day.
            rows: Its screened rows, taken one by one. An error that they raise leaves the store as it was.
            source: Name of the feed, for the manifest.

        Returns:
            The span's latest version, and whether it is the day's first, a correction, or existed already.

        Raises:
            BadInputError: Too many rows cannot be used. The store is as it was, but for the list of these rows.
            OSError: It could not be written (no space, no permission). The store is as it was.
        """
        make_folder(self.folder)
        with locked(self._staging / _LOCK):
            self._clear()
            with self._staged(day) as staged:
                summary = write_day(staged, rows)
                latest = max(_versions(self.folder / day.isoformat()), default=0)
                old = _intact_manifest(self.folder / day.isoformat() / f"v{latest}")
                accepted = old if old and old.has_content_of(summary) else None
                self._check(day, staged, summary, source, is_accepted=accepted is not None)
                if accepted:
                    self._flush(self.folder / day.isoformat())  # whoever wrote it may have been stopped before that
                    return Span(day, latest, accepted, Change.UNCHANGED)
                return self._publish(day, staged, _manifest(staged, summary, source), latest)

    @property
    def _staging(self) -> Path:
        # No dash in the name: it must not look like a date to the pattern that CsvExampleGen looks for spans with.
        return self.folder / ".staging"

    @contextmanager
    def _staged(self, day: dt.date) -> Iterator[Path]:
        staged = self._staging / f"new-{day}"
        staged.mkdir()
        try:
            yield staged
        except OSError as error:
            if hasattr(error, "add_note"):  # Python 3.10 has no notes
                error.add_note(
                    f"The span of {day} was not written to {self.folder}; what was there before still is. Run again."
                )
            raise
        finally:
            shutil.rmtree(staged, ignore_errors=True)  # when it was not published; the next writer tries again

    def _check(self, day: dt.date, folder: Path, summary: WriteSummary, source: str, *, is_accepted: bool) -> None:
        check_share(
            summary,
            self.max_bad_share,
            labels=self.labels,
            has_sets=self.has_sets,
            is_accepted=is_accepted,
            day=day,
            source=source,
            folder=folder,
            keep_in=self.folder / REFUSED,
        )

    def _publish(self, day: dt.date, staged: Path, manifest: SpanManifest, latest: int) -> Span:
        folder = self.folder / day.isoformat()
        folder.mkdir(exist_ok=True)
        staged.rename(folder / f"v{latest + 1}")
        self._flush(folder)
        return Span(day, latest + 1, manifest, Change.CORRECTED if latest else Change.NEW)

    def _flush(self, folder: Path) -> None:
        sync(folder)
        sync(self.folder)

    def _clear(self) -> None:
        for leftover in self._staging.iterdir():
            if leftover.name != _LOCK:
                shutil.rmtree(leftover)


def _manifest(folder: Path, summary: WriteSummary, source: str) -> SpanManifest:
    """Write the manifest of a version in the making, and sync it to the disk."""
    now = dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds")
    manifest = SpanManifest(summary.reviews, summary.sha256, source, now, summary.rejected, summary.quarantine_sha256)
    (folder / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1) + "\n", encoding="utf-8")
    for path in (folder / MANIFEST, folder):
        sync(path)
    return manifest


def _versions(folder: Path) -> list[int]:
    if not folder.is_dir():
        return []
    names = (_VERSION.fullmatch(path.name) for path in folder.iterdir())  # not glob, which hides errors of the disk
    return [int(name["number"]) for name in names if name]


def _intact_manifest(folder: Path) -> SpanManifest | None:
    """Return a version's manifest; None when the manifest or the reviews are missing, or were changed."""
    try:
        manifest = SpanManifest(**json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
        quarantine = sha256(folder / QUARANTINE) if manifest.quarantine_sha256 else ""
        found = replace(manifest, sha256=sha256(folder / REVIEWS), quarantine_sha256=quarantine)
        return manifest if manifest.has_content_of(found) else None
    except (FileNotFoundError, ValueError, TypeError):
        return None
