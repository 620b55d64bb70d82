"""Writes a day's screened rows to a folder: the reviews, and a quarantine for the unusable rows.

::

    reviews.csv         header, then a line a review
    quarantine.jsonl    an object for every row that cannot be used; missing where there is none

The CSV has the form that TFX's CsvExampleGen reads. CsvExampleGen splits the header at commas, so the header is not
quoted; every value is. It reads a file line by line, and Python's csv module before 3.11 refuses NUL. Line breaks and
NULs inside a value therefore become spaces, and a review is one line.

Two checks need the whole day, and are made here. A row with the id of an earlier row goes into quarantine. So do all
rows of a text that has several labels, because the labels contradict each other. The checks keep neither texts nor rows
in memory, only 16 bytes of each text and of each longer id, and which label the id's row has; that is some 200 bytes of
memory a row. After the last row, the CSV is read again to remove the rows with contradicting labels.
"""

import csv
import hashlib
import json
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from io import TextIOWrapper
from itertools import combinations, compress, islice
from pathlib import Path

from airflow_bert_service.feeds.readers.reviews import Review
from airflow_bert_service.feeds.readers.rows import RawRow, Reason
from airflow_bert_service.feeds.readers.screening import OF_DATE, Rejected, rejected
from airflow_bert_service.files import sha256, sync
from airflow_bert_service.pipeline.labels import normal_label

COLUMNS = ("id", "date", "review", "sentiment")
REVIEWS = "reviews.csv"
QUARANTINE = "quarantine.jsonl"
FIRST_BAD_ROWS = 5
"""How many of the bad rows a message shows."""

SHOWN_LABELS = 3
"""How many of the unknown labels a message shows."""
_MOST_LABELS = 1000
"""How many different unknown labels are counted; the label of a source may be a text without end."""
_NOTHING = frozenset({"", "none", "null", "nan"})
"""How sources write that a row has no label."""

_FEW_LABELS = 50
"""Up to so many, texts with two labels are found pair by pair, which takes no memory."""
_KEYS, _PLACES = "keys", "places"
_DIGEST = 16
"""Bytes."""
_SHORT = 16
"""Characters. A longer id is remembered by its digest."""
_BATCH = 24
"""Rows. Few, because texts can be long."""
_BUFFER = 1 << 17


@dataclass(frozen=True)
class WriteSummary:
    """Counts and digests of a day's written rows."""

    reviews: int
    """Number of rows that can be used."""
    rejected: Mapping[str, int]
    """Number of rows that cannot, by reason, in the reasons' order."""
    first_rejected: tuple[Rejected, ...]
    """The first few of these."""
    unknown_labels: tuple[tuple[str, int], ...]
    """The most frequent labels that the setting ``labels`` does not have, and how many rows have them."""
    unknown_of: Mapping[str, int]
    """Number of rows with such a label, by label as :func:`normal_label` writes it; rows that say nothing left out."""
    sha256: str
    """Digest of ``reviews.csv``, hex."""
    quarantine_sha256: str
    """Digest of ``quarantine.jsonl``, hex; empty where there is no such file."""
    usable_of: Mapping[str, int]
    """Number of rows that can be used, by label as ``reviews.csv`` has it."""
    rejected_of: Mapping[str, int]
    """Number of rows that cannot, of those whose label is known.

    Rows that come twice are left out: the label has the earlier row. A row with another label than the row that has
    its id is lost to its label.
    """

    @property
    def bad_share(self) -> float:
        """The share of rows that cannot be used, 0 to 1."""
        bad = sum(self.rejected.values())
        return bad / (bad + self.reviews) if bad else 0.0


def write_day(folder: Path, rows: Iterable[Review | Rejected]) -> WriteSummary:
    """Write a day's rows.

    Args:
        folder: An empty folder.
        rows: The day's rows, taken one by one.

    Returns:
        Counts and digests. The files are on the disk.

    Raises:
        OSError: They could not be written.
    """
    reviews, scratch = folder / REVIEWS, folder / "scratch"
    scratch.mkdir()
    with _Quarantine(folder / QUARANTINE) as quarantine:
        with _Writer(reviews, scratch, quarantine) as writer:
            for batch in _batches(rows):
                writer.add(batch)
        usable = writer.labels
        if contradicted := writer.contradicted():
            usable = usable - _take_out(contradicted, reviews, scratch, quarantine)
    shutil.rmtree(scratch)
    sync(reviews)
    return WriteSummary(
        usable.total(),
        quarantine.counts(),
        tuple(quarantine.first),
        quarantine.unknown_labels(),
        quarantine.unknown_of(),
        sha256(reviews),
        quarantine.digest(),
        usable,
        quarantine.labels - writer.repeated,
    )


def _batches(rows: Iterable[Review | Rejected]) -> Iterator[tuple[Review | Rejected, ...]]:
    remaining = iter(rows)
    # Python 3.10 and 3.11 have no itertools.batched. A batch is freed once the caller is done with it.
    return iter(lambda: tuple(islice(remaining, _BATCH)), ())


class _Quarantine:
    """Writes the file of a day's unusable rows."""

    def __init__(self, path: Path) -> None:
        self.first: list[Rejected] = []
        self.labels: Counter[str] = Counter()
        self._path = path
        self._counts: Counter[Reason] = Counter()
        self._unknown: Counter[str] = Counter()

    def __enter__(self) -> "_Quarantine":
        self._file = _writing(self._path)
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, row: Rejected) -> None:
        """Write a row into the quarantine."""
        self._counts[row.reason] += 1
        if row.sentiment:
            self.labels[row.sentiment] += 1
        if len(self.first) < FIRST_BAD_ROWS:
            self.first.append(row)
        values = {"row": row.number, "reason": row.reason.value, "id": row.id, "where": row.where, "text": row.excerpt}
        if row.reason is Reason.UNKNOWN_LABEL:
            values["label"] = row.label
            if row.label in self._unknown or len(self._unknown) < _MOST_LABELS:
                self._unknown[row.label] += 1
        if row.reason in OF_DATE:
            values["date"] = row.date
        self._file.write(json.dumps(values, ensure_ascii=False) + "\n")

    def counts(self) -> dict[str, int]:
        """Return the number of rows by reason."""
        return {reason.value: self._counts[reason] for reason in Reason if self._counts[reason]}

    def unknown_labels(self) -> tuple[tuple[str, int], ...]:
        """Return the most frequent unknown labels, with the number of their rows."""
        return tuple(self._unknown.most_common(SHOWN_LABELS))

    def unknown_of(self) -> Mapping[str, int]:
        """Return the number of rows by unknown label, however it is written; those that say nothing are no label."""
        found: Counter[str] = Counter()
        for label, count in self._unknown.items():
            if (normal := normal_label(label)) not in _NOTHING:
                found[normal] += count
        return found

    def digest(self) -> str:
        """Sync the closed file to the disk, or remove it if it is empty; return its digest."""
        if not self._counts:
            self._path.unlink()
            return ""
        sync(self._path)
        return sha256(self._path)


class _Writer:
    """Writes reviews, a batch at a time, and remembers ids and texts by digest.

    Work is done on whole columns of a batch: that takes half the time of going through it row by row.
    """

    def __init__(self, reviews: Path, scratch: Path, quarantine: _Quarantine) -> None:
        self.labels: Counter[str] = Counter()
        self.repeated: Counter[str] = Counter()
        self._reviews, self._scratch = reviews, scratch
        self._quarantine = quarantine
        self._ids: dict[str | bytes, str] = {}
        self._texts: dict[str, set[bytes]] = {}

    def __enter__(self) -> "_Writer":
        with ExitStack() as stack:
            self._csv = stack.enter_context(_writing(self._reviews))
            self._keys = stack.enter_context((self._scratch / _KEYS).open("wb"))
            self._places = stack.enter_context(_writing(self._scratch / _PLACES))
            self._files = stack.pop_all()
        self._csv.write(",".join(COLUMNS) + "\n")
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def add(self, batch: Sequence[Review | Rejected]) -> None:
        """Write some rows."""
        reviews = [row for row in batch if isinstance(row, Review)]
        bad = [row for row in batch if isinstance(row, Rejected)]
        if reviews:
            bad += self._add(reviews)
        for row in sorted(bad):
            self._quarantine.add(row)

    def contradicted(self) -> frozenset[bytes]:
        """Return the digests of the texts that have more than one label."""
        if len(self._texts) <= _FEW_LABELS:
            return frozenset(key for one, other in combinations(self._texts.values(), 2) for key in one & other)
        seen: set[bytes] = set()  # sets of labels may be thousands, and pairs of them millions
        found: set[bytes] = set()
        for keys in self._texts.values():
            found |= seen & keys
            seen |= keys
        return frozenset(found)

    def _add(self, reviews: list[Review]) -> list[Rejected]:
        raw_ids, days, raw_texts, sentiments, numbers, raw_places = zip(*reviews, strict=True)
        ids, texts, places = _one_line(raw_ids), _one_line(raw_texts), _one_line(raw_places)
        # Also of rows that have another's id: a review that comes twice with other labels is not to be believed.
        keys = [_digest(text) for text in texts]
        for sentiment in set(sentiments):
            noted = self._texts.setdefault(sentiment, set())
            noted.update([key for key, found in zip(keys, sentiments, strict=True) if found == sentiment])
        is_new = [self._is_new(*row) for row in zip(ids, sentiments, strict=True)]
        dates = {day: day.isoformat() for day in set(days)}
        columns = (_quotable(ids), [dates[day] for day in days], _quotable(texts), _quotable(sentiments))
        if lines := list(compress(map('","'.join, zip(*columns, strict=True)), is_new)):
            # What csv.writer makes with QUOTE_ALL, in a tenth of the time.
            self._csv.writelines(('"', '"\n"'.join(lines), '"\n'))
        self._keys.writelines(compress(keys, is_new))
        self._places.writelines(compress(map("{} {}\n".format, numbers, places), is_new))
        self.labels.update(compress(sentiments, is_new))
        return [rejected(row, Reason.DUPLICATE_ID) for row, new in zip(reviews, is_new, strict=True) if not new]

    def _is_new(self, id_: str, sentiment: str) -> bool:
        key = id_ if len(id_) <= _SHORT else _digest(id_)
        earlier = self._ids.get(key)
        if earlier is None:
            self._ids[key] = sys.intern(sentiment)  # the same text for all rows: sets of labels are made for each
            return True
        if earlier == sentiment:
            self.repeated[sentiment] += 1
        return False


def _take_out(contradicted: frozenset[bytes], reviews: Path, scratch: Path, quarantine: _Quarantine) -> Counter[str]:
    """Move the reviews of some texts from the CSV file to the quarantine; return how many there were of each label."""
    kept = scratch / REVIEWS
    taken: Counter[str] = Counter()
    with (
        reviews.open(encoding="utf-8", newline="\n") as lines,
        (scratch / _PLACES).open(encoding="utf-8", newline="\n") as places,
        (scratch / _KEYS).open("rb") as keys,
        _writing(kept) as new,
    ):
        new.write(next(lines))
        for line, place, key in zip(lines, places, iter(lambda: keys.read(_DIGEST), b""), strict=True):
            if key not in contradicted:
                new.write(line)
                continue
            id_, _, text, sentiment = next(csv.reader([line], strict=True))
            number, _, where = place.removesuffix("\n").partition(" ")
            row = RawRow(int(number), id_, text, None, where)
            quarantine.add(rejected(row, Reason.CONTRADICTING_LABELS, sentiment))
            taken[sentiment] += 1
    kept.replace(reviews)
    return taken


def _one_line(values: Sequence[str]) -> Sequence[str]:
    joined = "".join(values)
    if "\n" in joined or "\r" in joined or "\0" in joined:
        return [value.replace("\n", " ").replace("\r", " ").replace("\0", " ") for value in values]
    return values


def _quotable(values: Sequence[str]) -> Sequence[str]:
    return [value.replace('"', '""') for value in values] if '"' in "".join(values) else values


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:_DIGEST]


def _writing(path: Path) -> TextIOWrapper:
    # Only the names of files can have bytes that are not UTF-8.
    return path.open("w", encoding="utf-8", errors="replace", newline="\n", buffering=_BUFFER)
