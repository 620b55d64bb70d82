"""Where reviews are kept for the pipeline: a folder a day, which TFX reads as a span.

::

    {folder}/2026-11-05/reviews.csv         header, then a line a review
    {folder}/2026-11-05/quarantine.jsonl    a line for every row that cannot be used, if there are any
    {folder}/2026-11-05/manifest.json       how many, which bytes, from where, when
    {folder}/refused/2026-11-05.jsonl       the same of a day that was not let in, for people to look at
    {folder}/.staging/                      days in the making; a lock

:mod:`bert_service.intake` writes the first two.
"""

import datetime as dt
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from enum import Enum
from pathlib import Path

from bert_service.feeds.reviews import Review
from bert_service.feeds.screening import Rejected
from bert_service.files import locked, sha256, sync
from bert_service.intake import QUARANTINE, REVIEWS, write_day
from bert_service.refusal import REFUSED, check_share

MANIFEST = "manifest.json"


class Change(str, Enum):
    """What writing a span did to the store."""

    NEW = "new"
    """The day was not there before."""
    REPLACED = "replaced"
    """The day had other content before."""
    UNCHANGED = "unchanged"
    """The day had the same content; nothing was touched."""


@dataclass(frozen=True)
class Manifest:
    """What a span holds, as its ``manifest.json`` says it."""

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

    def has_content_of(self, other: "Manifest") -> bool:
        """Whether both are of the same reviews and the same rejected rows."""
        return (self.sha256, self.quarantine_sha256) == (other.sha256, other.quarantine_sha256)


@dataclass(frozen=True)
class Span:
    """A day in the store, and what the last write did to it."""

    day: dt.date
    manifest: Manifest
    change: Change


@dataclass(frozen=True)
class SpanStore:
    """Keeps spans below a folder. Not a feed: it keeps what it is given, and never decides what a day has.

    A day is staged beside the others and appears by one rename, so that no reader sees half of it. One process writes
    at a time. What a killed writer leaves in the staging folder is cleared, or put back, by the next.
    """

    folder: Path
    max_bad_share: float = 0.0
    """The largest share of a day's rows, 0 to 1, that may be unusable."""

    def write(self, day: dt.date, rows: Iterable[Review | Rejected], *, source: str) -> Span:
        """Write a day's reviews, replacing what the day had if it differs.

        Args:
            day: The day; a UTC day.
            rows: Its screened rows, taken one by one. An error that they raise leaves the store as it was.
            source: Name of the feed, for the manifest.

        Returns:
            The span, and whether it is new, replaced or unchanged.

        Raises:
            BadInputError: Too many rows cannot be used. The store is as it was, but for the list of these rows.
            OSError: It could not be written (no space, no permission). The store is as it was.
        """
        with locked(self._staging / "lock"):
            self._recover()
            with self._staged(day) as staged:
                manifest = self._write(day, staged, rows, source)
                return Span(day, *self._publish(day, staged, manifest))

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
            error.add_note(
                f"The span of {day} was not written to {self.folder}; what was there before still is. Run again."
            )
            raise
        finally:
            shutil.rmtree(staged, ignore_errors=True)  # when it was not published; the next writer tries again

    def _write(self, day: dt.date, folder: Path, rows: Iterable[Review | Rejected], source: str) -> Manifest:
        intake = write_day(folder, rows)
        check_share(intake, self.max_bad_share, day=day, source=source, folder=folder, keep_in=self.folder / REFUSED)
        now = dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds")
        manifest = Manifest(intake.reviews, intake.sha256, source, now, intake.rejected, intake.quarantine_sha256)
        (folder / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1) + "\n", encoding="utf-8")
        for path in (folder / MANIFEST, folder):
            sync(path)
        return manifest

    def _publish(self, day: dt.date, staged: Path, manifest: Manifest) -> tuple[Manifest, Change]:
        target = self.folder / day.isoformat()
        if not target.exists():
            staged.rename(target)
            sync(self.folder)
            return manifest, Change.NEW
        old = _intact_manifest(target)
        if old is not None and old.has_content_of(manifest):
            return old, Change.UNCHANGED
        # Two renames: in between the day is missing, never mixed. A writer that is killed there is made good by
        # _recover.
        target.rename(self._staging / f"old-{day}")
        staged.rename(target)
        sync(self.folder)
        shutil.rmtree(self._staging / f"old-{day}")
        return manifest, Change.REPLACED

    def _recover(self) -> None:
        for leftover in self._staging.glob("*-*"):
            kind, _, day = leftover.name.partition("-")
            if kind == "old" and not (self.folder / day).exists():
                leftover.rename(self.folder / day)
            else:
                shutil.rmtree(leftover)


def _intact_manifest(folder: Path) -> Manifest | None:
    """Return a span's manifest; None when it, or the reviews that it describes, were lost or changed by other hands."""
    try:
        manifest = Manifest(**json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
        quarantine = sha256(folder / QUARANTINE) if manifest.quarantine_sha256 else ""
        found = replace(manifest, sha256=sha256(folder / REVIEWS), quarantine_sha256=quarantine)
        return manifest if manifest.has_content_of(found) else None
    except (FileNotFoundError, ValueError, TypeError):
        return None
