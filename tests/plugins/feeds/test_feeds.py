"""Where reviews come from: the table of feeds, and the IMDB archive from a path or an address."""

import datetime as dt
import hashlib
import io
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from airflow_bert_service.exceptions import FeedError, MissingDayError
from airflow_bert_service.feeds import RawRow, Reason, Rejected, make_feed, screen
from airflow_bert_service.feeds.imdb import ImdbFeed
from airflow_bert_service.settings.settings import FeedName, Settings, settings_from

from tests.support.loopback import serving

ROOT = Path(__file__).parents[3]
FIRST_DAY = dt.date(2026, 10, 16)
Members = dict[str, bytes]


def settings(tmp_path: Path, **values: str) -> Settings:
    return settings_from({"root": str(ROOT), "state": str(tmp_path / "state"), **values})


# The table of feeds


def test_every_feed_of_the_settings_can_be_made(tmp_path: Path) -> None:
    needed = {"first_day": "2026-11-01", "files_pattern": "{date}.csv", "sql_conn_id": "reviews"}
    needed |= {"http_conn_id": "reviews", "http_endpoint": "/{date}"}
    needed["sql_query"] = "SELECT * FROM reviews WHERE day >= :start AND day < :end ORDER BY id"
    for name in FeedName:
        assert make_feed(settings(tmp_path, feed=name.value, **needed)).name == name.value


def test_an_unknown_feed_lists_the_known_ones() -> None:
    wrong = cast("Settings", SimpleNamespace(feed="letters"))
    with pytest.raises(FeedError, match="feed 'letters' is unknown; known feeds: sample, imdb, "):
        make_feed(wrong)


# The IMDB feed


def members(count: int = 400) -> Members:
    """A small archive's files: as many positive reviews as negative ones, and what the real one has beside them."""
    reviews = {
        f"aclImdb/train/{folder}/{number}_{score}.txt": f"A {word} film, number {number}.<br />É.".encode()
        for folder, score, word in (("pos", 9, "good"), ("neg", 2, "bad"))
        for number in range(count // 2)
    }
    others = (
        "aclImdb/README",
        "aclImdb/train/unsup/0_0.txt",
        "aclImdb/test/pos/0_10.txt",
        "aclImdb/train/urls_pos.txt",
    )
    return {**dict.fromkeys(others, b"no review of the training set"), **reviews}


def pack(file: Path, contents: Members, *specials: tarfile.TarInfo) -> Path:
    with tarfile.open(file, "w:gz") as tar:
        for special in specials:
            tar.addfile(special)
        for name, content in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return file


def imdb(archive: Path | str, tmp_path: Path, *, days: int = 4, reviews_per_day: int = 0) -> ImdbFeed:
    return ImdbFeed(
        archive=str(archive),
        begin=FIRST_DAY,
        days=days,
        reviews_per_day=reviews_per_day,
        downloads=tmp_path / "downloads",
    )


def ids_by_day(feed: ImdbFeed) -> list[list[str]]:
    days = [feed.first_day + dt.timedelta(days=offset) for offset in range(feed.days)]
    return [[review.id for review in feed.delivered(day)] for day in days]


def test_every_training_review_has_one_day(tmp_path: Path) -> None:
    feed = imdb(pack(tmp_path / "acl.tar.gz", members()), tmp_path)
    assert (feed.first_day, feed.last_day) == (FIRST_DAY, dt.date(2026, 10, 19))
    counts = Counter(id_ for ids in ids_by_day(feed) for id_ in ids)
    assert len(counts) == 400
    assert set(counts.values()) == {1}
    assert {id_.rpartition("/")[0] for id_ in counts} == {"train/pos", "train/neg"}


def test_what_a_review_of_the_archive_becomes(tmp_path: Path) -> None:
    feed = imdb(
        pack(tmp_path / "acl.tar.gz", {"aclImdb/train/pos/0_9.txt": "Fine.<br />É.".encode()}), tmp_path, days=1
    )
    where = f"archive {tmp_path}/acl.tar.gz, member aclImdb/train/pos/0_9.txt"
    assert list(feed.delivered(FIRST_DAY)) == [RawRow(1, "train/pos/0_9", "Fine.<br />É.", "pos", where)]


def test_a_reviews_day_follows_from_its_name_alone(tmp_path: Path) -> None:
    feed = imdb(pack(tmp_path / "acl.tar.gz", members()), tmp_path)
    for offset, ids in enumerate(ids_by_day(feed)):
        for id_ in ids:
            assert int(hashlib.sha256(id_.encode()).hexdigest()[:15], 16) % feed.days == offset
    shuffled = dict(reversed(members().items()))
    other = imdb(pack(tmp_path / "other.tar.gz", shuffled), tmp_path / "elsewhere")
    assert ids_by_day(other) == ids_by_day(feed)


def test_a_limit_a_day_keeps_the_same_reviews_and_a_higher_one_adds_to_them(tmp_path: Path) -> None:
    archive = pack(tmp_path / "acl.tar.gz", members())
    every, ten, five = (ids_by_day(imdb(archive, tmp_path, reviews_per_day=limit)) for limit in (0, 10, 5))
    assert [len(ids) for ids in ten] == [10] * 4
    assert ten == [ids[:10] for ids in every]
    assert five == [ids[:5] for ids in every]


@pytest.mark.parametrize("day", [FIRST_DAY - dt.timedelta(days=1), FIRST_DAY + dt.timedelta(days=4)])
def test_a_day_outside_the_feed_is_missing_and_nothing_is_read_for_it(tmp_path: Path, day: dt.date) -> None:
    feed = imdb("http://127.0.0.1:9/never-asked.tar.gz", tmp_path)
    with pytest.raises(
        MissingDayError, match=f"feed imdb has no reviews of {day}; its days are 2026-10-16 to 2026-10-19"
    ):
        list(feed.delivered(day))


def test_the_archive_is_read_once(tmp_path: Path) -> None:
    archive = pack(tmp_path / "acl.tar.gz", members())
    first = ids_by_day(imdb(archive, tmp_path))
    (index,) = (tmp_path / "downloads").glob("*.sqlite")
    made = index.stat().st_mtime_ns
    assert ids_by_day(imdb(archive, tmp_path)) == first
    assert index.stat().st_mtime_ns == made


def test_another_archive_at_the_same_path_is_read_anew(tmp_path: Path) -> None:
    archive = pack(tmp_path / "acl.tar.gz", members(400))
    assert sum(map(len, ids_by_day(imdb(archive, tmp_path)))) == 400
    pack(archive, members(100))
    assert sum(map(len, ids_by_day(imdb(archive, tmp_path)))) == 100


def special(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize(
    "hostile",
    [
        special("/etc/cron.d/job"),
        special("aclImdb/../../job"),
        special("aclImdb/train/pos/1_9.txt", tarfile.SYMTYPE, "/etc/passwd"),
        special("aclImdb/train/pos/1_9.txt", tarfile.LNKTYPE, "aclImdb/README"),
        special("aclImdb/train/pos/1_9.txt", tarfile.FIFOTYPE),
        special("aclImdb/disk", tarfile.BLKTYPE),
    ],
    ids=["absolute", "dots", "symbolic link", "hard link", "pipe", "device"],
)
def test_a_hostile_archive_is_refused_and_nothing_of_it_kept(tmp_path: Path, hostile: tarfile.TarInfo) -> None:
    archive = pack(tmp_path / "acl.tar.gz", members(), hostile)
    with pytest.raises(FeedError, match="allowed: files and folders below the archive's top, no links"):
        ids_by_day(imdb(archive, tmp_path))
    assert {path.name for path in (tmp_path / "downloads").iterdir()} == {"index.lock"}


def test_an_archive_without_training_reviews_is_refused(tmp_path: Path) -> None:
    archive = pack(tmp_path / "acl.tar.gz", {"reviews/0_9.txt": b"Fine."})
    with pytest.raises(FeedError, match=r"has no member aclImdb/train/pos/\*\.txt"):
        ids_by_day(imdb(archive, tmp_path))


def test_a_folder_in_the_place_of_a_review_is_refused(tmp_path: Path) -> None:
    archive = pack(tmp_path / "acl.tar.gz", members(), special("aclImdb/train/pos/9_9.txt", tarfile.DIRTYPE))
    with pytest.raises(FeedError, match=r"member aclImdb/train/pos/9_9\.txt: a folder; allowed: a file"):
        ids_by_day(imdb(archive, tmp_path))


def test_a_review_that_is_in_the_archive_twice_is_delivered_twice(tmp_path: Path) -> None:
    twice = {"aclImdb/train/pos/0_9.txt": b"a", "./aclImdb/train/pos/0_9.txt": b"b"}
    rows = list(imdb(pack(tmp_path / "acl.tar.gz", twice), tmp_path, days=1).delivered(FIRST_DAY))
    assert [(row.number, row.id, row.text) for row in rows] == [(1, "train/pos/0_9", "a"), (2, "train/pos/0_9", "b")]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("0_9", b"\xff", Reason.BAD_ENCODING),
        ("0_9", b" \n", Reason.NO_TEXT),
        ("0_9", b"x" * (2 << 20), Reason.TOO_LONG),
        ("0_9", b"x" * 200_000, Reason.TOO_LONG),
        ("0_9", b"A\0B", Reason.NUL),
        ("\udcff", b"Fine.", Reason.BAD_ENCODING),
    ],
)
def test_a_bad_member_of_an_archive_costs_no_other(tmp_path: Path, name: str, content: bytes, reason: Reason) -> None:
    contents = {"aclImdb/train/pos/1_9.txt": b"Fine.", f"aclImdb/train/pos/{name}.txt": content}
    feed = imdb(pack(tmp_path / "acl.tar.gz", contents), tmp_path, days=1)
    judged = list(screen(feed.delivered(FIRST_DAY), day=FIRST_DAY, labels=settings_from({}).rules.labels))
    assert [row.reason for row in judged if isinstance(row, Rejected)] == [reason]
    assert [row.id for row in judged if not isinstance(row, Rejected)] == ["train/pos/1_9"]


def test_a_truncated_archive_is_refused_and_the_whole_one_is_read_later(tmp_path: Path) -> None:
    whole = pack(tmp_path / "acl.tar.gz", members()).read_bytes()
    archive = tmp_path / "copied.tar.gz"
    archive.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FeedError, match=r"cannot be read as a tar\.gz"):
        ids_by_day(imdb(archive, tmp_path))
    archive.write_bytes(whole)
    assert sum(map(len, ids_by_day(imdb(archive, tmp_path)))) == 400


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>"])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    archive = tmp_path / "acl.tar.gz"
    archive.write_bytes(content)
    with pytest.raises(FeedError, match=r"acl\.tar\.gz cannot be read as a tar.gz"):
        ids_by_day(imdb(archive, tmp_path))


def test_an_archive_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match=r"none\.tar\.gz: no such file.*set \[bert_service\] imdb_archive"):
        ids_by_day(imdb(tmp_path / "none.tar.gz", tmp_path))


@dataclass
class Archives:
    """A web server that has one archive, and counts how often it was asked."""

    content: bytes
    asked: int = 0
    address: str = ""


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Archives]:
    archives = Archives(pack(tmp_path / "web.tar.gz", members()).read_bytes())

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            archives.asked += 1
            if self.path == "/moved.tar.gz":
                self.send_response(302)
                self.send_header("Location", "/acl.tar.gz")
                self.end_headers()
                return
            self.send_response(200 if self.path == "/acl.tar.gz" else 404)
            self.send_header("Content-Length", str(len(archives.content)))
            self.end_headers()
            self.wfile.write(archives.content)

    with serving(Handler) as port:
        archives.address = f"http://127.0.0.1:{port}"
        yield archives


def test_an_archive_at_an_address_is_downloaded_once(tmp_path: Path, web: Archives) -> None:
    address = f"{web.address}/acl.tar.gz"
    assert sum(map(len, ids_by_day(imdb(address, tmp_path)))) == 400
    assert sum(map(len, ids_by_day(imdb(address, tmp_path)))) == 400
    assert web.asked == 1


def test_a_download_follows_redirections(tmp_path: Path, web: Archives) -> None:
    assert sum(map(len, ids_by_day(imdb(f"{web.address}/moved.tar.gz", tmp_path)))) == 400


def test_an_address_without_an_archive(tmp_path: Path, web: Archives) -> None:
    with pytest.raises(FeedError, match=r"none\.tar\.gz could not be downloaded: HTTP 404"):
        ids_by_day(imdb(f"{web.address}/none.tar.gz", tmp_path))
