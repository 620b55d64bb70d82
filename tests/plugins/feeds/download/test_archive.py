"""The IMDB archive from an address: a real server that breaks off, changes its file, knows no ranges, or lies."""

import gzip
import hashlib
import logging
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from airflow_bert_service.exceptions import FeedError, SettingsError
from airflow_bert_service.feeds import make_feed
from airflow_bert_service.feeds.download.archive import local_archive
from airflow_bert_service.feeds.download.transfer import Partial, Transfer
from airflow_bert_service.feeds.imdb import ImdbFeed
from airflow_bert_service.settings.settings import PUBLIC_IMDB_SHA256, settings_from
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.loopback import serving

PLUGINS = Path(__file__).parents[4] / "plugins"
CONTENT = gzip.compress(b"".join(hashlib.sha256(str(number).encode()).digest() for number in range(200)), mtime=0)
OTHER = gzip.compress(b"".join(hashlib.sha256(str(number).encode()).digest() for number in range(300, 520)), mtime=0)
OLD, OLDER = "Thu, 01 Jan 2026 00:00:00 GMT", "Wed, 31 Dec 2025 00:00:00 GMT"


@dataclass
class Mirror:
    """A web server with one file. What it does is set by the test, for all answers or in turn."""

    content: bytes = CONTENT
    etag: str | None = '"1"'
    modified: str | None = None
    knows_ranges: bool = True
    knows_if_range: bool = True
    breaks: list[int] = field(default_factory=list)
    """After how many bytes each answer breaks off; those after them are whole."""
    statuses: list[int] = field(default_factory=list)
    """Statuses of the first answers, without the file."""
    headers: dict[str, str] = field(default_factory=dict)
    """Sent instead of the true ones."""
    names_version: bool = True
    """Whether the answer 416 has the file's ETag and Last-Modified. That of nginx has neither."""
    before: Callable[["Mirror", int], None] = lambda *_: None
    """Called before each answer with its number, from 1 on."""
    middle: Callable[[int], None] = lambda _: None
    """Called in each answer after half of its bytes."""
    asked: list[dict[str, str]] = field(default_factory=list)
    address: str = ""

    def ranges(self) -> list[str]:
        return [headers.get("Range", "") for headers in self.asked]

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked.append(dict(handler.headers))
        number = len(self.asked)
        self.before(self, number)
        if number <= len(self.statuses):
            status, known, body = self.statuses[number - 1], dict[str, str](), b""
        else:
            status, known, body = self.file(dict(handler.headers))
        headers = {"Content-Length": str(len(body)), **known, **self.headers}
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        body = body[: self.breaks[number - 1]] if number <= len(self.breaks) else body
        handler.wfile.write(body[: len(body) // 2])
        handler.wfile.flush()
        self.middle(number)
        handler.wfile.write(body[len(body) // 2 :])

    def file(self, asked: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        headers = {"ETag": self.etag, "Last-Modified": self.modified}
        known = {name: value for name, value in headers.items() if value is not None}
        fits = not self.knows_if_range or asked.get("If-Range") in known.values()
        if not (self.knows_ranges and "Range" in asked and fits):
            return 200, known, self.content
        first, total = int(asked["Range"].removeprefix("bytes=").removesuffix("-")), len(self.content)
        if first >= total:
            return 416, {**(known if self.names_version else {}), "Content-Range": f"bytes */{total}"}, b""
        return 206, {**known, "Content-Range": f"bytes {first}-{total - 1}/{total}"}, self.content[first:]


@contextmanager
def mirroring(mirror: Mirror) -> Iterator[Mirror]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with suppress(ConnectionError):  # of a client that waits no longer
                mirror.answer(self)

    with serving(Handler) as port:
        mirror.address = f"http://127.0.0.1:{port}/acl.tar.gz"
        yield mirror


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with mirroring(Mirror()) as made:
        yield made


@dataclass
class Downloads:
    folder: Path
    waits: list[float] = field(default_factory=list)

    def get(self, mirror: Mirror, digest: str = "") -> bytes:
        file = local_archive(mirror.address, self.folder, digest=digest, sleep=self.waits.append)
        assert self.left() == {"archive.lock", file.name}
        return file.read_bytes()

    def left(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}

    def partial(self) -> Path:
        (file,) = self.folder.glob("*.part")
        return file


@pytest.fixture
def downloads(tmp_path: Path) -> Downloads:
    return Downloads(tmp_path / "downloads")


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# Going on


@pytest.mark.parametrize(("etag", "modified"), [('"1"', None), ('"1"', OLD), (None, OLD), ('W/"1"', OLD)])
def test_an_interrupted_download_resumes_where_it_ended(
    mirror: Mirror, downloads: Downloads, etag: str | None, modified: str | None
) -> None:
    mirror.etag, mirror.modified, mirror.breaks = etag, modified, [1000, 500, 0]
    assert downloads.get(mirror) == CONTENT
    assert mirror.ranges() == ["", "bytes=1000-", "bytes=1500-", "bytes=1500-"]
    validator = etag if etag == '"1"' else modified
    assert [headers.get("If-Range") for headers in mirror.asked] == [None, validator, validator, validator]
    assert downloads.waits == [1, 2, 4]


@pytest.mark.parametrize(("etag", "modified"), [(None, None), ('W/"1"', None), (None, "yesterday"), (None, "soon")])
def test_a_file_without_a_known_version_is_downloaded_anew(
    mirror: Mirror, downloads: Downloads, etag: str | None, modified: str | None
) -> None:
    mirror.etag, mirror.breaks = etag, [1000]
    # Still being changed, as far as its date says.
    soon = BaseHTTPRequestHandler.date_time_string(None, time.time() + 60)  # type: ignore[arg-type]
    mirror.modified = soon if modified == "soon" else modified
    assert downloads.get(mirror) == CONTENT
    assert mirror.ranges() == ["", ""]


def test_a_server_without_ranges(mirror: Mirror, downloads: Downloads) -> None:
    mirror.knows_ranges, mirror.breaks = False, [1000, 500]
    assert downloads.get(mirror) == CONTENT
    assert mirror.ranges() == ["", "bytes=1000-", "bytes=500-"]


@pytest.mark.parametrize("knows_if_range", [True, False])
def test_a_file_that_changes_between_two_tries(mirror: Mirror, downloads: Downloads, knows_if_range: bool) -> None:
    def change(made: Mirror, number: int) -> None:
        if number == 2:
            made.content, made.etag = OTHER, '"2"'

    mirror.before, mirror.breaks, mirror.knows_if_range = change, [1000], knows_if_range
    assert downloads.get(mirror) == OTHER


@pytest.mark.parametrize("content_range", ["bytes 0-6400/6430", "bytes 1001-6400/6430", "1000-6400", ""])
def test_a_part_that_was_not_requested_is_discarded(mirror: Mirror, downloads: Downloads, content_range: str) -> None:
    def lie(made: Mirror, number: int) -> None:
        made.headers = {"Content-Range": content_range} if number == 2 else {}

    mirror.before, mirror.breaks = lie, [1000]
    assert downloads.get(mirror) == CONTENT
    assert mirror.ranges() == ["", "bytes=1000-", ""]


def test_a_download_resumes_after_a_short_part(mirror: Mirror, downloads: Downloads) -> None:
    def shorten(made: Mirror, number: int) -> None:
        made.headers = {"Content-Length": "300"} if number == 2 else {}

    mirror.before, mirror.breaks = shorten, [1000, 300]
    assert downloads.get(mirror) == CONTENT
    assert mirror.ranges() == ["", "bytes=1000-", "bytes=1300-"]


@settings(max_examples=60)
@example(breaks=[len(CONTENT)], changes={1, 2}, knows=(True, False), etags=False)  # the other version has as many bytes
@given(
    breaks=st.lists(st.integers(0, len(CONTENT)), max_size=4),
    changes=st.sets(st.integers(1, 5)),
    knows=st.tuples(st.booleans(), st.booleans()),
    etags=st.booleans(),
)
def test_no_mixture_of_two_versions(
    tmp_path_factory: pytest.TempPathFactory,
    breaks: list[int],
    changes: set[int],
    knows: tuple[bool, bool],
    etags: bool,
) -> None:
    """However the server breaks off and its file changes: what comes out is one version, or an error."""

    def change(made: Mirror, number: int) -> None:
        if number in changes:
            version = sum(earlier <= number for earlier in changes)
            made.content = OTHER if made.content == CONTENT else CONTENT
            made.etag, made.modified = (f'"{version}"', None) if etags else (None, OLD if version % 2 else OLDER)

    mirror = Mirror(breaks=breaks, before=change, knows_ranges=knows[0], knows_if_range=knows[1])
    mirror.etag, mirror.modified = ('"0"', None) if etags else (None, OLDER)
    partial = Partial(tmp_path_factory.mktemp("partial") / "file.part")
    with mirroring(mirror):
        whole = False
        with suppress(FeedError):
            Transfer(address=mirror.address, partial=partial, sleep=lambda _: None).run()
            whole = True
    assert partial.file.read_bytes() in (CONTENT, OTHER) if whole else len(mirror.asked) == 5


# Later runs


def in_child(downloads: Downloads, mirror: Mirror, first: str = "") -> "subprocess.Popen[str]":
    """Download in a process of its own."""
    code = f"""
from pathlib import Path
{first}
from airflow_bert_service.feeds.download.archive import local_archive
local_archive({mirror.address!r}, Path({str(downloads.folder)!r}), sleep=lambda _: None)
"""
    return subprocess.Popen([sys.executable, "-c", code], cwd=PLUGINS, stderr=subprocess.PIPE, text=True)


def test_a_killed_download_resumes_in_the_next_run(mirror: Mirror, downloads: Downloads) -> None:
    halfway, go_on = threading.Event(), threading.Event()
    half = len(CONTENT) // 2

    def stall(number: int) -> None:
        if number == 1:
            halfway.set()
            go_on.wait(60)

    mirror.middle = stall
    with in_child(downloads, mirror) as process:
        assert halfway.wait(60)
        deadline = time.monotonic() + 60
        while not any(part.stat().st_size == half for part in downloads.folder.glob("*.part")):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.kill()
    go_on.set()
    assert downloads.get(mirror) == CONTENT
    assert mirror.ranges() == ["", f"bytes={half}-"]


def test_a_download_that_failed_in_all_tries_resumes_in_the_next_run(mirror: Mirror, downloads: Downloads) -> None:
    mirror.breaks = [1000, 10, 10, 10, 10]
    with pytest.raises(
        FeedError, match=r"in 5 tries, the last one: RemoteProtocolError.*Run again to resume the download"
    ):
        downloads.get(mirror)
    assert downloads.waits == [1, 2, 4, 8]
    assert downloads.partial().read_bytes() == CONTENT[:1040]
    assert downloads.get(mirror) == CONTENT
    assert mirror.ranges()[-1] == "bytes=1040-"


def test_a_process_that_was_killed_after_the_last_byte(mirror: Mirror, downloads: Downloads) -> None:
    mirror.breaks = [1000] + [0] * 4
    with pytest.raises(FeedError):
        downloads.get(mirror)
    downloads.partial().write_bytes(CONTENT)
    assert downloads.get(mirror) == CONTENT
    assert mirror.ranges()[-1] == f"bytes={len(CONTENT)}-"


def test_as_many_bytes_as_the_file_has_may_be_of_another_version(mirror: Mirror, downloads: Downloads) -> None:
    mirror.breaks, mirror.knows_if_range, mirror.names_version = [1000] + [0] * 4, False, False
    with pytest.raises(FeedError):
        downloads.get(mirror)
    downloads.partial().write_bytes(CONTENT[::-1])
    assert downloads.get(mirror) == CONTENT
    assert mirror.ranges()[-2:] == [f"bytes={len(CONTENT)}-", ""]


def test_more_bytes_than_the_file_has_are_thrown_away(mirror: Mirror, downloads: Downloads) -> None:
    mirror.breaks = [1000] + [0] * 4
    with pytest.raises(FeedError):
        downloads.get(mirror)
    downloads.partial().write_bytes(CONTENT + b"more")
    assert downloads.get(mirror) == CONTENT
    assert mirror.ranges()[-1] == ""


def test_a_note_that_a_crash_has_spoilt_is_not_used(mirror: Mirror, downloads: Downloads) -> None:
    mirror.breaks = [1000] + [0] * 4
    with pytest.raises(FeedError):
        downloads.get(mirror)
    (note,) = downloads.folder.glob("*.validator")
    note.write_bytes(b"\0\xff\n")
    assert downloads.get(mirror) == CONTENT
    assert mirror.ranges()[-1] == ""


def test_a_full_disk_is_named_and_the_download_goes_on_when_there_is_room(mirror: Mirror, downloads: Downloads) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))"
    with in_child(downloads, mirror, limit) as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"cannot be written to {downloads.folder}: File too large. Free disk space" in errors
    assert downloads.get(mirror) == CONTENT
    assert mirror.ranges() == ["", "bytes=2000-"]


def test_two_runs_at_once_download_once(mirror: Mirror, downloads: Downloads) -> None:
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(downloads.get(mirror))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [CONTENT] * 3
    assert len(mirror.asked) == 1


# Servers that are busy, slow, wrong


def test_busy_servers_are_asked_again(mirror: Mirror, downloads: Downloads) -> None:
    mirror.statuses = [503, 429, 408, 500]
    assert downloads.get(mirror) == CONTENT
    assert downloads.waits == [1, 2, 4, 8]


@pytest.mark.parametrize("status", [401, 404, 410])
def test_a_refusal_is_not_tried_again_and_shows_no_secret(mirror: Mirror, downloads: Downloads, status: int) -> None:
    mirror.statuses = [status]
    mirror.address = mirror.address.replace("//", "//user:secret@") + "?key=secret"
    with pytest.raises(FeedError, match=rf"/acl\.tar\.gz could not be downloaded: HTTP {status}\. Check") as raised:
        downloads.get(mirror)
    assert "secret" not in str(raised.value)
    assert len(mirror.asked) == 1


def test_credentials_of_an_archives_address_reach_no_log_and_no_error(
    mirror: Mirror, downloads: Downloads, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    mirror.statuses = [503, 404]
    mirror.address = mirror.address.replace("//", "//user:s3cret%40%2F@") + "?key=s3cret"
    with pytest.raises(FeedError, match="could not be downloaded") as raised:
        downloads.get(mirror)
    assert "s3cret" not in "".join(traceback.format_exception(raised.value))
    assert "s3cret" not in caplog.text
    assert "HTTP 503" in caplog.text


@pytest.mark.parametrize("scheme", ["ftp", "HTTP", "file"])
def test_an_address_of_another_kind_is_named_without_its_credentials(tmp_path: Path, scheme: str) -> None:
    with pytest.raises(FeedError, match="no such file") as raised:
        local_archive(f"{scheme}://user:s3cret@host/acl.tar.gz?key=s3cret", tmp_path)
    assert "s3cret" not in str(raised.value)


def test_an_address_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match=r"could not be downloaded: InvalidURL.*Check \[bert_service\] imdb_archive"):
        local_archive("http://127.0.0.1:port/acl.tar.gz", tmp_path)


def test_a_server_that_stalls_is_asked_again(mirror: Mirror, tmp_path: Path) -> None:
    go_on = threading.Event()

    def stall(number: int) -> None:
        if number == 1:
            go_on.wait(60)

    mirror.middle = stall
    partial = Partial(tmp_path / "file.part")
    Transfer(address=mirror.address, partial=partial, timeout=0.3, sleep=lambda _: None).run()
    go_on.set()
    assert partial.file.read_bytes() == CONTENT
    assert mirror.ranges() == ["", f"bytes={len(CONTENT) // 2}-"]


def test_a_server_that_promises_more_than_it_has(mirror: Mirror, downloads: Downloads) -> None:
    mirror.knows_ranges, mirror.headers = False, {"Content-Length": str(len(CONTENT) + 100)}
    with pytest.raises(FeedError, match="could not be downloaded in 5 tries"):
        downloads.get(mirror)
    assert not list(downloads.folder.glob("*.gz"))


@pytest.mark.parametrize(
    ("expected", "message"),
    [("", "is not a complete gzip file"), (digest(CONTENT), rf"has the SHA-256 \w+; allowed: {digest(CONTENT)}")],
    ids=["no digest", "digest"],
)
@pytest.mark.parametrize("spoilt", [CONTENT[:3000], b"<html>busy</html>"], ids=["truncated", "a page"])
def test_a_file_that_is_not_whole_is_thrown_away(
    mirror: Mirror, downloads: Downloads, expected: str, message: str, spoilt: bytes
) -> None:
    mirror.content = spoilt
    with pytest.raises(FeedError, match=message):
        downloads.get(mirror, expected)
    assert downloads.left() == {"archive.lock"}
    mirror.content = CONTENT
    assert downloads.get(mirror, expected) == CONTENT
    assert mirror.ranges() == ["", ""]


def test_a_file_that_is_too_large(mirror: Mirror, downloads: Downloads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_bert_service.feeds.download.transfer.LARGEST_DOWNLOAD", 1000)
    with pytest.raises(FeedError, match="has more bytes than the allowed 1000"):
        downloads.get(mirror)
    assert downloads.left() == {"archive.lock"}


# The digest


def test_another_digest_has_the_file_downloaded_again(mirror: Mirror, downloads: Downloads) -> None:
    assert downloads.get(mirror, digest(CONTENT)) == CONTENT
    mirror.content = OTHER
    assert downloads.get(mirror, digest(CONTENT)) == CONTENT
    assert downloads.get(mirror, digest(OTHER)) == OTHER
    assert len(mirror.asked) == 2


def test_a_file_of_the_users_own_is_checked_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "acl.tar.gz"
    file.write_bytes(CONTENT)
    assert local_archive(str(file), tmp_path / "downloads", digest=digest(CONTENT)) == file
    with pytest.raises(FeedError, match=rf"acl\.tar\.gz has the SHA-256 {digest(CONTENT)}; allowed: {digest(OTHER)}"):
        local_archive(str(file), tmp_path / "downloads", digest=digest(OTHER))
    assert file.read_bytes() == CONTENT


def feed_of(**values: str) -> ImdbFeed:
    made = make_feed(settings_from({"feed": "imdb", **values}))
    assert isinstance(made, ImdbFeed)
    return made


def test_the_public_address_has_a_known_digest_and_others_have_their_own() -> None:
    assert feed_of().digest == PUBLIC_IMDB_SHA256
    assert feed_of(imdb_archive="acl.tar.gz").digest == ""
    assert feed_of(imdb_archive="https://example.org/acl.tar.gz").digest == ""
    assert feed_of(imdb_archive="acl.tar.gz", imdb_sha256="AB" * 32).digest == "ab" * 32
    assert feed_of(imdb_sha256="ab" * 32).digest == "ab" * 32


@pytest.mark.parametrize("value", ["7c2ac02c03563afcf9b574c7e56c153a", "x" * 64, "ab" * 33])
def test_a_digest_of_another_form(value: str) -> None:
    with pytest.raises(SettingsError, match=rf"imdb_sha256 is '{value}'; allowed: 64 hex digits, as sha256sum prints"):
        settings_from({"imdb_sha256": value})
