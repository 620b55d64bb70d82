"""Defines the IMDB feed: the Large Movie Review Dataset (Maas et al., 2011), spread over days.

Of the archive, the members ``aclImdb/train/{pos,neg}/*.txt`` are reviews, each a file of UTF-8 text labelled by its
folder. All others (the test reviews, the unlabelled ones in ``train/unsup``, ratings, addresses, vocabulary) are passed
over.

The archive has no dates, so every review gets one by a rule that depends on nothing but its name. Its id is the
member's name without ``aclImdb/`` and ``.txt`` (``train/pos/0_9``); its *rank* is the number in the first 15 hex digits
of the id's SHA-256; its day is the feed's first day plus the rank modulo the number of days. A day's reviews are read
by rising rank, so that a limit on their number keeps the same ones every time, and a higher limit only adds to them.

A tar.gz can only be read from front to back, so it is read once, into an index (SQLite) named by the archive's digest.
"""

import datetime as dt
import hashlib
import logging
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from airflow_bert_service.addresses import without_credentials
from airflow_bert_service.exceptions import FeedError
from airflow_bert_service.feeds.base import Feed
from airflow_bert_service.feeds.download.archive import local_archive
from airflow_bert_service.feeds.readers.rows import RawRow, Reason
from airflow_bert_service.feeds.readers.tar_members import LARGEST_MEMBER, members
from airflow_bert_service.files import locked, publishing, sha256
from airflow_bert_service.settings.settings import FeedName

MEMBER = re.compile(r"(?:\./)?aclImdb/(?P<id>train/(?P<folder>pos|neg)/[^/]+)\.txt")
SCHEMA = "CREATE TABLE review (id BLOB, rank INTEGER, text BLOB, label TEXT)"
INDEX = "CREATE INDEX review_by_rank ON review (rank, id)"
OF_A_DAY = "SELECT id, text, label FROM review WHERE rank % ? = ? ORDER BY rank, id, rowid LIMIT ?"

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ImdbFeed(Feed):
    """Reads the aclImdb archive. It neither downloads nor reads the archive before the first review is read."""

    name: ClassVar[str] = FeedName.IMDB.value

    archive: str
    """Path or http(s) address of the tar.gz."""
    digest: str = ""
    """SHA-256 that it must have, in hex digits; empty: any."""
    begin: dt.date
    """The first day."""
    days: int
    """How many days the reviews are spread over."""
    reviews_per_day: int
    """The most reviews that a day delivers; 0: no limit."""
    downloads: Path
    """Folder that keeps downloaded archives and indexes."""

    @property
    def first_day(self) -> dt.date:
        """The first of the days that the reviews are spread over."""
        return self.begin

    @property
    def last_day(self) -> dt.date:
        """The last of the days that the reviews are spread over."""
        return self.begin + dt.timedelta(days=self.days - 1)

    def read(self, day: dt.date) -> Iterator[RawRow]:
        """Yield a day's reviews by rising rank; their labels are ``pos`` and ``neg``."""
        if not self.first_day <= day <= self.last_day:
            return
        offset = (day - self.begin).days
        shown = without_credentials(self.archive)
        limit = self.reviews_per_day or -1  # SQLite's word for no limit
        with closing(sqlite3.connect(f"{self._index.as_uri()}?mode=ro", uri=True)) as index:
            found = index.execute(OF_A_DAY, (self.days, offset, limit))
            for number, (name, content, label) in enumerate(found, start=1):
                id_ = name.decode(errors="surrogateescape")
                text = None if content is None else content.decode(errors="surrogateescape")
                where = f"archive {shown}, member aclImdb/{id_}.txt"
                yield RawRow(number, id_, text, label, where, Reason.TOO_LONG if content is None else None)

    @cached_property
    def _index(self) -> Path:
        archive = local_archive(self.archive, self.downloads, digest=self.digest)
        # The number belongs to the rule above and the table: raise it when either changes.
        index = self.downloads.absolute() / f"imdb-2-{sha256(archive)[:32]}.sqlite"
        with locked(self.downloads / "index.lock"):
            if not index.exists():
                _build_index(archive, index)
        return index


def rank(id_: str) -> int:
    """Return the number that decides a review's day and its order within the day."""
    return int(hashlib.sha256(_stored(id_)).hexdigest()[:15], 16)


def _stored(id_: str) -> bytes:
    return id_.encode(errors="surrogateescape")  # a member's name can be any bytes


def _build_index(archive: Path, index: Path) -> None:
    _logger.info("indexing the reviews of %s", archive)
    with publishing(index) as part, closing(sqlite3.connect(part)) as database:
        # Nobody reads it before it is complete, and an incomplete one is thrown away.
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        database.execute(SCHEMA)
        reviews = database.executemany(
            "INSERT INTO review (id, rank, text, label) VALUES (?, ?, ?, ?)", _rows(archive)
        ).rowcount
        database.execute(INDEX)
        database.commit()
        if not reviews:
            raise FeedError(
                f"archive {archive} has no member aclImdb/train/pos/*.txt or aclImdb/train/neg/*.txt. Set "
                "[bert_service] imdb_archive to the aclImdb archive."
            )
    _logger.info("indexed %d reviews of %s in %s", reviews, archive, index)


def _rows(archive: Path) -> Iterator[tuple[bytes, int, bytes | None, str]]:
    for member in members(archive):
        if found := MEMBER.fullmatch(member.name):
            content = None if member.size > LARGEST_MEMBER else member.content()
            yield _stored(found["id"]), rank(found["id"]), content, found["folder"]
