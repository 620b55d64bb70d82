"""Where reviews are kept for the pipeline: a folder a day, which TFX reads as a span.

::

    {folder}/2026-11-05/reviews.csv     header, then a line a review
    {folder}/2026-11-05/manifest.json   how many, which bytes, from where, when
    {folder}/.staging/                  days in the making; a lock

The CSV has the form that TFX's CsvExampleGen reads. It takes the header apart at commas, so that is not quoted; every
value is. It reads a file line by line, and Python's csv module before 3.11 refuses NUL; so line breaks and NULs inside
a value become spaces, and a review is one line.
"""

import csv
import datetime as dt
import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path

from bert_service.feeds.base import Review
from bert_service.files import locked, sha256, sync

COLUMNS = ("id", "date", "review", "sentiment")
REVIEWS = "reviews.csv"
MANIFEST = "manifest.json"
_BREAKS = str.maketrans({"\n": " ", "\r": " ", "\0": " "})


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

    def write(self, day: dt.date, reviews: Iterable[Review], *, source: str) -> Span:
        """Write a day's reviews, replacing what the day had if it differs.

        Args:
            day: The day; a UTC day.
            reviews: Its reviews, taken one by one. An error that they raise leaves the store as it was.
            source: Name of the feed, for the manifest.

        Returns:
            The span, and whether it is new, replaced or unchanged.

        Raises:
            OSError: It could not be written (no space, no permission). The store is as it was.
        """
        with locked(self._staging / "lock"):
            self._recover()
            with self._staged(day) as staged:
                manifest = _write(staged, reviews, source)
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

    def _publish(self, day: dt.date, staged: Path, manifest: Manifest) -> tuple[Manifest, Change]:
        target = self.folder / day.isoformat()
        if not target.exists():
            staged.rename(target)
            sync(self.folder)
            return manifest, Change.NEW
        old = _intact_manifest(target)
        if old is not None and old.sha256 == manifest.sha256:
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


def _write(folder: Path, reviews: Iterable[Review], source: str) -> Manifest:
    file = folder / REVIEWS
    rows = 0
    with file.open("w", encoding="utf-8", newline="") as handle:
        handle.write(",".join(COLUMNS) + "\n")
        writer = csv.writer(handle, quoting=csv.QUOTE_ALL, lineterminator="\n")
        for review in reviews:
            values = (review.id, review.day.isoformat(), review.text, review.sentiment.value)
            writer.writerow([value.translate(_BREAKS) for value in values])
            rows += 1
    now = dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds")
    manifest = Manifest(rows, sha256(file), source, now)
    (folder / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1) + "\n", encoding="utf-8")
    for path in (file, folder / MANIFEST, folder):
        sync(path)
    return manifest


def _intact_manifest(folder: Path) -> Manifest | None:
    """Return a span's manifest; None when it, or the reviews that it describes, were lost or changed by other hands."""
    try:
        manifest = Manifest(**json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
        return manifest if sha256(folder / REVIEWS) == manifest.sha256 else None
    except (FileNotFoundError, ValueError, TypeError):
        return None
