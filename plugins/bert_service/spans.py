"""Where reviews are kept for the pipeline: a folder a day, which TFX reads as a span, and in it a folder a version.

::

    {folder}/2026-11-05/v1/reviews.csv     header, then a line a review
    {folder}/2026-11-05/v1/manifest.json   how many, which bytes, from where, when
    {folder}/2026-11-05/v2/...             what the day became when it was delivered again with other content
    {folder}/.staging/                     versions in the making; a lock

A version never changes once it is there, so that a run that names it reads the same reviews for ever.

The CSV has the form that TFX's CsvExampleGen reads. It takes the header apart at commas, so that is not quoted; every
value is. It reads a file line by line, and Python's csv module before 3.11 refuses NUL; so line breaks and NULs inside
a value become spaces, and a review is one line.
"""

import csv
import datetime as dt
import json
import re
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
_VERSION = re.compile(r"v(?P<number>[1-9][0-9]*)")
_BREAKS = str.maketrans({"\n": " ", "\r": " ", "\0": " "})


class Change(str, Enum):
    """What writing a span did to the store."""

    NEW = "new"
    """The day was not there before."""
    CORRECTED = "corrected"
    """The day had other content before; that is still there, as the version before."""
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
    version: int
    """TFX's version of the span, 1 or more."""
    manifest: Manifest
    change: Change


@dataclass(frozen=True)
class SpanStore:
    """Keeps spans below a folder. Not a feed: it keeps what it is given, and never decides what a day has.

    A version is staged beside the days and appears by one rename, so that no reader sees half of it. One process writes
    at a time. What a killed writer leaves in the staging folder is cleared by the next.
    """

    folder: Path

    def write(self, day: dt.date, reviews: Iterable[Review], *, source: str) -> Span:
        """Write a day's reviews, as a new version of the day if they differ from its latest.

        Args:
            day: The day; a UTC day.
            reviews: Its reviews, taken one by one. An error that they raise leaves the store as it was.
            source: Name of the feed, for the manifest.

        Returns:
            The span's latest version, and whether it is the day's first, a correction, or was there.

        Raises:
            OSError: It could not be written (no space, no permission). The store is as it was.
        """
        with locked(self._staging / "lock"):
            self._clear()
            with self._staged(day) as staged:
                manifest = _write(staged, reviews, source)
                return self._publish(day, staged, manifest)

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

    def _publish(self, day: dt.date, staged: Path, manifest: Manifest) -> Span:
        folder = self.folder / day.isoformat()
        latest = max(_versions(folder), default=0)
        old = _intact_manifest(folder / f"v{latest}")
        if old is not None and old.sha256 == manifest.sha256:
            return Span(day, latest, old, Change.UNCHANGED)
        folder.mkdir(exist_ok=True)
        staged.rename(folder / f"v{latest + 1}")
        sync(folder)
        sync(self.folder)
        return Span(day, latest + 1, manifest, Change.CORRECTED if latest else Change.NEW)

    def _clear(self) -> None:
        for leftover in self._staging.glob("*-*"):
            shutil.rmtree(leftover)


def _versions(folder: Path) -> list[int]:
    names = (_VERSION.fullmatch(path.name) for path in folder.glob("v*"))
    return [int(name["number"]) for name in names if name]


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
    """Return a version's manifest; None when it, or the reviews that it is of, were lost or changed by other hands."""
    try:
        manifest = Manifest(**json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
        return manifest if sha256(folder / REVIEWS) == manifest.sha256 else None
    except (FileNotFoundError, ValueError, TypeError):
        return None
