"""Spans on the disk: whole or not there, whoever writes at the same time and whatever happens to the writer."""

import csv
import datetime as dt
import hashlib
import io
import json
import multiprocessing
import resource
import signal
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bert_service.exceptions import FeedError
from bert_service.feeds import Review, Sentiment
from bert_service.spans import Change, SpanStore
from hypothesis import given, settings
from hypothesis import strategies as st

DAY = dt.date(2026, 11, 5)
# A plain child: it must not share this process's locks, and is killed on purpose.
PROCESSES = multiprocessing.get_context("spawn")


def reviews(count: int = 3, word: str = "good") -> list[Review]:
    return [Review(f"r{number}", DAY, f"{word} film {number}", Sentiment.POSITIVE) for number in range(count)]


def write(folder: Path, of: list[Review]) -> Change:
    return SpanStore(folder).write(DAY, of, source="sample").change


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / str(DAY) / "reviews.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def is_whole(folder: Path) -> bool:
    content = (folder / str(DAY) / "reviews.csv").read_bytes()
    manifest = json.loads((folder / str(DAY) / "manifest.json").read_text())
    lines = content.decode().count("\n") - 1
    return (manifest["sha256"], manifest["rows"]) == (hashlib.sha256(content).hexdigest(), lines)


def staged(folder: Path) -> set[str]:
    return {path.name for path in (folder / ".staging").iterdir()} - {"lock"}


def test_a_day_is_a_csv_file_and_a_manifest(tmp_path: Path) -> None:
    span = SpanStore(tmp_path).write(DAY, reviews(), source="sample")
    assert (span.day, span.change, span.manifest.rows, span.manifest.source) == (DAY, Change.NEW, 3, "sample")
    assert rows(tmp_path)[0] == {"id": "r0", "date": "2026-11-05", "review": "good film 0", "sentiment": "positive"}
    assert {path.name for path in (tmp_path / "2026-11-05").iterdir()} == {"reviews.csv", "manifest.json"}
    assert is_whole(tmp_path)
    assert dt.datetime.fromisoformat(span.manifest.written_at).utcoffset() == dt.timedelta(0)


def test_tfx_can_take_the_header_apart_at_commas(tmp_path: Path) -> None:
    write(tmp_path, reviews())
    header = (tmp_path / "2026-11-05" / "reviews.csv").read_text().splitlines()[0]
    assert header.split(",") == ["id", "date", "review", "sentiment"]


@settings(deadline=None)  # it waits for the disk
@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_any_text_becomes_one_line_that_reads_back(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("spans")
    write(folder, [Review("r", DAY, text, Sentiment.NEGATIVE)])
    content = (folder / str(DAY) / "reviews.csv").read_bytes()
    lines = content.split(b"\n")
    assert len(lines) == 3
    assert lines[-1] == b""
    (record,) = csv.reader(io.StringIO(lines[1].decode(), newline=""))
    assert record[2] == text.replace("\r", " ").replace("\n", " ").replace("\0", " ")


def test_the_same_content_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path, reviews())
    before = (tmp_path / str(DAY)).stat().st_ino, (tmp_path / str(DAY) / "manifest.json").read_text()
    assert write(tmp_path, reviews()) is Change.UNCHANGED
    assert before == ((tmp_path / str(DAY)).stat().st_ino, (tmp_path / str(DAY) / "manifest.json").read_text())
    assert staged(tmp_path) == set()


def test_other_content_replaces_the_day(tmp_path: Path) -> None:
    write(tmp_path, reviews(3))
    assert write(tmp_path, reviews(5, "bad")) is Change.REPLACED
    assert len(rows(tmp_path)) == 5
    assert is_whole(tmp_path)
    assert staged(tmp_path) == set()


@pytest.mark.parametrize("damage", [lambda file: file.write_text("id\n"), Path.unlink], ids=["changed", "deleted"])
@pytest.mark.parametrize("name", ["reviews.csv", "manifest.json"])
def test_a_day_that_other_hands_damaged_is_made_anew(
    tmp_path: Path, name: str, damage: Callable[[Path], object]
) -> None:
    write(tmp_path, reviews())
    damage(tmp_path / str(DAY) / name)
    assert write(tmp_path, reviews()) is Change.REPLACED
    assert is_whole(tmp_path)


def broken_feed() -> Iterator[Review]:
    yield from reviews()
    raise FeedError("row 4: sentiment is 'great'")


def test_a_feed_that_breaks_off_leaves_the_day_as_it_was(tmp_path: Path) -> None:
    write(tmp_path, reviews(2))
    with pytest.raises(FeedError, match="row 4"):
        SpanStore(tmp_path).write(DAY, broken_feed(), source="sample")
    assert len(rows(tmp_path)) == 2
    assert staged(tmp_path) == set()


def write_with_little_space(folder: Path) -> None:
    # The system then refuses to make a file larger, as it does on a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    with pytest.raises(OSError, match="File too large") as caught:
        write(folder, reviews(5_000, "bad"))
    assert "The span of 2026-11-05 was not written" in caught.value.__notes__[0]


def test_a_full_disk_leaves_the_day_as_it_was_and_a_retry_succeeds(tmp_path: Path) -> None:
    write(tmp_path, reviews(2))
    process = PROCESSES.Process(target=write_with_little_space, args=(tmp_path,))
    process.start()
    process.join(60)
    assert process.exitcode == 0
    assert len(rows(tmp_path)) == 2
    assert staged(tmp_path) == set()
    assert write(tmp_path, reviews(5_000, "bad")) is Change.REPLACED


def endless(started: Path) -> Iterator[Review]:
    yield from reviews(1_000)
    started.touch()
    time.sleep(600)


def write_endlessly(folder: Path, started: Path) -> None:
    SpanStore(folder).write(DAY, endless(started), source="sample")


def test_a_writer_killed_in_the_middle_leaves_nothing_to_read_and_a_retry_succeeds(tmp_path: Path) -> None:
    folder, started = tmp_path / "spans", tmp_path / "started"
    process = PROCESSES.Process(target=write_endlessly, args=(folder, started))
    process.start()
    deadline = time.monotonic() + 60
    while not started.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert staged(folder) == {"new-2026-11-05"}
    assert not (folder / str(DAY)).exists()
    assert write(folder, reviews()) is Change.NEW
    assert is_whole(folder)
    assert staged(folder) == set()


def test_a_day_whose_writer_died_between_the_two_renames_is_put_back(tmp_path: Path) -> None:
    write(tmp_path, reviews())
    (tmp_path / str(DAY)).rename(tmp_path / ".staging" / "old-2026-11-05")
    another_day = DAY + dt.timedelta(days=1)
    SpanStore(tmp_path).write(another_day, reviews(), source="sample")
    assert is_whole(tmp_path)
    assert write(tmp_path, reviews()) is Change.UNCHANGED


def test_the_old_content_of_a_day_that_was_replaced_is_cleared_away(tmp_path: Path) -> None:
    write(tmp_path, reviews())
    (tmp_path / ".staging" / "old-2026-11-05").mkdir()
    assert write(tmp_path, reviews()) is Change.UNCHANGED
    assert staged(tmp_path) == set()


def refresh_again_and_again(folder: Path, word: str) -> None:
    for count in range(20):
        write(folder, reviews(200 + count, word))


def test_concurrent_refreshes_of_a_day_leave_one_of_them_whole(tmp_path: Path) -> None:
    write(tmp_path, reviews())
    writers = [PROCESSES.Process(target=refresh_again_and_again, args=(tmp_path, word)) for word in ("good", "bad")]
    for writer in writers:
        writer.start()
    seen = 0
    while any(writer.is_alive() for writer in writers):
        # A file is opened once: by and by its folder is replaced, what is in the file is not.
        try:
            content = (tmp_path / str(DAY) / "reviews.csv").read_text()
        except FileNotFoundError:
            continue
        words = {row["review"].split()[0] for row in csv.DictReader(io.StringIO(content))}
        assert content.endswith("\n")
        assert len(words) == 1
        seen += 1
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    assert seen
    assert is_whole(tmp_path)
    assert len(rows(tmp_path)) == 219
    assert staged(tmp_path) == set()


def test_reviews_are_not_all_held_in_memory(tmp_path: Path) -> None:
    long = "a long review " * 700  # about 10 kB
    many = (Review(f"r{number}", DAY, f"{long}{number}", Sentiment.POSITIVE) for number in range(2_000))
    tracemalloc.start()
    try:
        assert SpanStore(tmp_path).write(DAY, many, source="sample").manifest.rows == 2_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000, "bytes, for 20 million of reviews"
