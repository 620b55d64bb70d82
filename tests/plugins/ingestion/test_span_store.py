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
from airflow_bert_service.exceptions import FeedError
from airflow_bert_service.feeds import Review
from airflow_bert_service.ingestion.span_store import Change, SpanStore
from hypothesis import given
from hypothesis import strategies as st

from tests.support.label_names import labels

DAY = dt.date(2026, 11, 5)
# A plain child: it must not share this process's locks, and is killed on purpose.
PROCESSES = multiprocessing.get_context("spawn")


def reviews(count: int = 3, word: str = "good") -> list[Review]:
    return [Review(f"r{number}", DAY, f"{word} film {number}", "positive") for number in range(count)]


def write(folder: Path, of: list[Review]) -> Change:
    return SpanStore(folder).write(DAY, of, source="sample").change


def latest(folder: Path) -> Path:
    """The folder of the day's latest version."""
    versions = (folder / str(DAY)).glob("v*")
    return max(versions, key=lambda path: int(path.name.removeprefix("v")))


def rows(folder: Path) -> list[dict[str, str]]:
    with (latest(folder) / "reviews.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def is_whole(folder: Path) -> bool:
    content = (latest(folder) / "reviews.csv").read_bytes()
    manifest = json.loads((latest(folder) / "manifest.json").read_text())
    lines = content.decode().count("\n") - 1
    return (manifest["sha256"], manifest["rows"]) == (hashlib.sha256(content).hexdigest(), lines)


def staged(folder: Path) -> set[str]:
    return {path.name for path in (folder / ".staging").iterdir()} - {"lock"}


def test_a_day_is_a_csv_file_and_a_manifest(tmp_path: Path) -> None:
    span = SpanStore(tmp_path).write(DAY, reviews(), source="sample")
    assert (span.day, span.version, span.change) == (DAY, 1, Change.NEW)
    assert (span.manifest.rows, span.manifest.source) == (3, "sample")
    assert rows(tmp_path)[0] == {"id": "r0", "date": "2026-11-05", "review": "good film 0", "sentiment": "positive"}
    assert {path.name for path in (tmp_path / "2026-11-05" / "v1").iterdir()} == {"reviews.csv", "manifest.json"}
    assert is_whole(tmp_path)
    assert dt.datetime.fromisoformat(span.manifest.written_at).utcoffset() == dt.timedelta(0)


def test_tfx_can_take_the_header_apart_at_commas(tmp_path: Path) -> None:
    write(tmp_path, reviews())
    header = (tmp_path / "2026-11-05" / "v1" / "reviews.csv").read_text().splitlines()[0]
    assert header.split(",") == ["id", "date", "review", "sentiment"]


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_any_text_becomes_one_line_that_reads_back(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("spans")
    write(folder, [Review("r", DAY, text, "negative")])
    content = (folder / str(DAY) / "v1" / "reviews.csv").read_bytes()
    lines = content.split(b"\n")
    assert len(lines) == 3
    assert lines[-1] == b""
    (record,) = csv.reader(io.StringIO(lines[1].decode(), newline=""))
    assert record[2] == text.replace("\r", " ").replace("\n", " ").replace("\0", " ")


@given(labels(3))
def test_any_labels_are_written_as_they_are_and_contradict_each_other(
    tmp_path_factory: pytest.TempPathFactory, names: tuple[str, ...]
) -> None:
    folder = tmp_path_factory.mktemp("spans")
    told = [Review(str(n), DAY, f"text {n}", name) for n, name in enumerate(names)]
    twice = [Review("x", DAY, "twice", names[0]), Review("y", DAY, "twice", names[2])]
    SpanStore(folder, max_bad_share=0.5).write(DAY, [*told, *twice], source="sample")
    assert [row["sentiment"] for row in rows(folder)] == list(names)
    quarantine = (folder / str(DAY) / "v1" / "quarantine.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["reason"] for line in quarantine] == ["contradicting_labels"] * 2


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    """All files of the day, as things and as bytes."""
    files = [path for path in (folder / str(DAY)).rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): (path.stat().st_ino, path.read_bytes()) for path in files}


def test_the_same_content_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path, reviews())
    before = state(tmp_path)
    assert write(tmp_path, reviews()) is Change.UNCHANGED
    assert state(tmp_path) == before
    assert staged(tmp_path) == set()


def test_other_content_is_a_new_version_and_the_old_one_stays(tmp_path: Path) -> None:
    write(tmp_path, reviews(3))
    before = state(tmp_path)
    span = SpanStore(tmp_path).write(DAY, reviews(5, "bad"), source="sample")
    assert (span.version, span.change) == (2, Change.CORRECTED)
    assert len(rows(tmp_path)) == 5
    assert is_whole(tmp_path)
    assert {name: found for name, found in state(tmp_path).items() if "/v1/" in name} == before
    assert staged(tmp_path) == set()


def test_versions_count_past_nine(tmp_path: Path) -> None:
    versions = [SpanStore(tmp_path).write(DAY, reviews(count), source="sample").version for count in range(1, 13)]
    assert versions == list(range(1, 13))


@given(st.lists(st.integers(1, 3), min_size=1, max_size=6))
def test_a_version_for_every_change_and_none_without(
    tmp_path_factory: pytest.TempPathFactory, deliveries: list[int]
) -> None:
    store = SpanStore(tmp_path_factory.mktemp("spans"))
    expected, before = 0, 0
    for count in deliveries:
        expected += count != before
        span = store.write(DAY, reviews(count), source="sample")
        assert (span.version, span.manifest.rows) == (expected, count)
        before = count


@pytest.mark.parametrize("damage", [lambda file: file.write_text("id\n"), Path.unlink], ids=["changed", "deleted"])
@pytest.mark.parametrize("name", ["reviews.csv", "manifest.json"])
def test_a_version_that_other_hands_damaged_is_followed_by_a_whole_one(
    tmp_path: Path, name: str, damage: Callable[[Path], object]
) -> None:
    write(tmp_path, reviews())
    damage(tmp_path / str(DAY) / "v1" / name)
    assert write(tmp_path, reviews()) is Change.CORRECTED
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
    assert write(tmp_path, reviews(5_000, "bad")) is Change.CORRECTED


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


def refresh_again_and_again(folder: Path, word: str) -> None:
    for count in range(20):
        write(folder, reviews(200 + count, word))


def test_concurrent_refreshes_of_a_day_leave_every_version_whole(tmp_path: Path) -> None:
    write(tmp_path, reviews())
    writers = [PROCESSES.Process(target=refresh_again_and_again, args=(tmp_path, word)) for word in ("good", "bad")]
    for writer in writers:
        writer.start()
    seen = 0
    while any(writer.is_alive() for writer in writers):
        content = (latest(tmp_path) / "reviews.csv").read_text()
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
    many = (Review(f"r{number}", DAY, f"{long}{number}", "positive") for number in range(2_000))
    tracemalloc.start()
    try:
        assert SpanStore(tmp_path).write(DAY, many, source="sample").manifest.rows == 2_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000, "bytes, for 20 million of reviews"
