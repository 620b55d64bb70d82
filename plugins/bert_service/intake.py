"""Writes a day's screened rows to a folder: what can be used, and what cannot.

::

    reviews.csv         header, then a line a review
    quarantine.jsonl    an object for every row that cannot be used; missing where there is none

The CSV has the form that TFX's CsvExampleGen reads. It takes the header apart at commas, so that is not quoted; every
value is. It reads a file line by line, and Python's csv module before 3.11 refuses NUL; so line breaks and NULs inside
a value become spaces, and a review is one line.

Two things can only be told of a day as a whole, and are told here. A row whose id an earlier row has is put into
quarantine. So are all rows of a text that has both labels: the labels contradict each other, and none is believed.
Neither texts nor rows are kept in memory for it, only 16 bytes of each text and of each longer id; that is some 250
bytes of memory a row. The rows of contradicting labels are taken out when the last row has shown which they are, by
reading the CSV again.
"""

import csv
import datetime as dt
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import IO

from bert_service.feeds.reviews import Review, Sentiment
from bert_service.feeds.rows import Reason
from bert_service.feeds.screening import Rejected, rejected
from bert_service.files import sha256, sync

COLUMNS = ("id", "date", "review", "sentiment")
REVIEWS = "reviews.csv"
QUARANTINE = "quarantine.jsonl"
FIRST_BAD_ROWS = 5
"""How many of the bad rows a message shows."""

_HEADER = ",".join(COLUMNS) + "\n"
_ORIGINS = "origins"
_BREAKS = str.maketrans({"\n": " ", "\r": " ", "\0": " "})
_SHORT = 16
"""Characters. A longer id is remembered by its digest."""
_BUFFER = 1 << 17


@dataclass(frozen=True)
class Intake:
    """What a day's rows were."""

    reviews: int
    """Number of rows that can be used."""
    rejected: Mapping[str, int]
    """Number of rows that cannot, by reason, in the reasons' order."""
    first_rejected: tuple[Rejected, ...]
    """The first few of these."""
    sha256: str
    """Digest of ``reviews.csv``, hex."""
    quarantine_sha256: str
    """Digest of ``quarantine.jsonl``, hex; empty where there is no such file."""

    @property
    def bad_share(self) -> float:
        """The share of rows that cannot be used, 0 to 1."""
        bad = sum(self.rejected.values())
        return bad / (bad + self.reviews) if bad else 0.0


def write_day(folder: Path, rows: Iterable[Review | Rejected]) -> Intake:
    """Write a day.

    Args:
        folder: An empty folder.
        rows: The day's rows, taken one by one.

    Returns:
        What they were. The files are on the disk.

    Raises:
        OSError: They could not be written.
    """
    reviews, origins = folder / REVIEWS, folder / _ORIGINS
    with _Quarantine(folder / QUARANTINE) as quarantine:
        seen = _Seen()
        with _writing(reviews) as csv_file, _writing(origins) as origins_file:
            csv_file.write(_HEADER)
            count = _write(rows, seen, csv_file, origins_file, quarantine)
        if contradicted := seen.contradicted():
            count -= _take_out(contradicted, reviews, origins, quarantine)
        origins.unlink()
    sync(reviews)
    return Intake(count, quarantine.counts(), tuple(quarantine.first), sha256(reviews), quarantine.digest())


class _Quarantine:
    """The file of a day's rows that cannot be used, while it is written."""

    def __init__(self, path: Path) -> None:
        self.first: list[Rejected] = []
        self._path = path
        self._counts: Counter[Reason] = Counter()

    def __enter__(self) -> "_Quarantine":
        self._file = _writing(self._path)
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, row: Rejected) -> None:
        """Put a row into it."""
        self._counts[row.reason] += 1
        if len(self.first) < FIRST_BAD_ROWS:
            self.first.append(row)
        values = {"row": row.number, "reason": row.reason.value, "id": row.id, "where": row.where, "text": row.excerpt}
        self._file.write(json.dumps(values, ensure_ascii=False) + "\n")

    def counts(self) -> dict[str, int]:
        """Return the number of rows by reason."""
        return {reason.value: self._counts[reason] for reason in Reason if self._counts[reason]}

    def digest(self) -> str:
        """Put the closed file on the disk, or take it away if it is empty; return its digest."""
        if not self._counts:
            self._path.unlink()
            return ""
        sync(self._path)
        return sha256(self._path)


class _Seen:
    """The ids and texts of a day so far, by digest."""

    def __init__(self) -> None:
        self._ids: set[str | bytes] = set()
        self._texts: dict[bytes, Sentiment | None] = {}

    def note(self, text: str, sentiment: Sentiment) -> None:
        """Take down a text's label."""
        if self._texts.setdefault(_digest(text), sentiment) is not sentiment:
            self._texts[_digest(text)] = None

    def is_new(self, id_: str) -> bool:
        """Whether an id was not there before; it is from now on."""
        key = id_ if len(id_) <= _SHORT else _digest(id_)
        if key in self._ids:
            return False
        self._ids.add(key)
        return True

    def contradicted(self) -> frozenset[bytes]:
        """Return the digests of the texts that have both labels."""
        return frozenset(key for key, sentiment in self._texts.items() if sentiment is None)


def _write(
    rows: Iterable[Review | Rejected], seen: _Seen, csv_file: IO[str], origins: IO[str], quarantine: _Quarantine
) -> int:
    count = 0
    for row in rows:
        if isinstance(row, Rejected):
            quarantine.add(row)
            continue
        id_, day, text, sentiment, number, where = row
        id_, text = _one_line(id_), _one_line(text)
        # Also of a row that has another's id: a review that comes twice with other labels is not to be believed.
        seen.note(text, sentiment)
        if not seen.is_new(id_):
            quarantine.add(rejected(row, Reason.DUPLICATE_ID))
            continue
        csv_file.write(_line(id_, str(day), text, sentiment.value))
        origins.write(f"{number} {_one_line(where)}\n")
        count += 1
    return count


def _take_out(contradicted: frozenset[bytes], reviews: Path, origins: Path, quarantine: _Quarantine) -> int:
    """Move the reviews of some texts from the CSV file to the quarantine; return how many there were."""
    kept = reviews.with_suffix(".kept")
    count = 0
    with (
        reviews.open(encoding="utf-8", newline="") as old,
        origins.open(encoding="utf-8", newline="\n") as places,
        _writing(kept) as new,
    ):
        new.write(next(old))
        for (id_, day, text, label), place in zip(csv.reader(old, strict=True), places, strict=True):
            if _digest(text) not in contradicted:
                new.write(_line(id_, day, text, label))
                continue
            number, _, where = place.removesuffix("\n").partition(" ")
            review = Review(id_, dt.date.fromisoformat(day), text, Sentiment(label), int(number), where)
            quarantine.add(rejected(review, Reason.CONTRADICTING_LABELS))
            count += 1
    kept.replace(reviews)
    return count


def _one_line(value: str) -> str:
    return value.translate(_BREAKS) if "\n" in value or "\r" in value or "\0" in value else value


def _line(id_: str, day: str, text: str, label: str) -> str:
    # What csv.writer makes with QUOTE_ALL, in a third of the time.
    quoted_id, quoted_text = id_.replace('"', '""'), text.replace('"', '""')
    return f'"{quoted_id}","{day}","{quoted_text}","{label}"\n'


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _writing(path: Path) -> TextIOWrapper:
    # Only places can have what UTF-8 cannot say: of files with odd names.
    return path.open("w", encoding="utf-8", errors="replace", newline="\n", buffering=_BUFFER)
