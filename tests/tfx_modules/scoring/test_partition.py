"""A day's scores are one file, of one run, whole or as it was before, whatever happens to those that write it."""

import datetime as dt
import errno
import fcntl
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tfx_modules.scoring.scores import PROVENANCE, files_of, read, row
from tfx_modules.scoring.file_formats import COLUMNS, FileFormat, rows_file
from tfx_modules.scoring.partition import partition, partition_file
from tfx_modules.scoring.rows import Score, ScoredRow, Text

DAY = dt.date(2026, 11, 5)
ROWS = [
    row(1, text_id='été, "电影"\n😀'),
    ScoredRow(Text(2, None, "", "no_text"), Score(error="no_text")),
    ScoredRow(Text(3, "c", "Slow."), Score("fault", 0.5, {"billing": 0.25, "fault": 0.5, "other": 0.25})),
]


def write(folder: Path, day: dt.date, file_format: FileFormat, rows: list[ScoredRow], *, fails: bool = False) -> None:
    with partition(folder, day, file_format) as file, rows_file(file, file_format, PROVENANCE) as written:
        for each in rows:
            written.write([each])
        if fails:
            raise ConnectionError("the feed is gone")


@pytest.mark.parametrize("file_format", FileFormat)
def test_rows_are_read_as_they_were_written(tmp_path: Path, file_format: FileFormat) -> None:
    write(tmp_path, DAY, file_format, ROWS)

    assert files_of(tmp_path) == [f"date=2026-11-05/scores.{file_format.value}"]
    found = read(partition_file(tmp_path, DAY, file_format))
    assert [tuple(each) for each in found] == [COLUMNS] * 3
    assert [(each["row"], each["id"], each["error"]) for each in found] == [
        (1, 'été, "电影"\n😀', None),
        (2, None, "no_text"),
        (3, "c", None),
    ]
    assert [(each["label"], each["score"]) for each in found] == [("positive", 0.75), (None, None), ("fault", 0.5)]
    assert [each["scores"] for each in found] == [None, None, {"billing": 0.25, "fault": 0.5, "other": 0.25}]
    assert {(each["version"], each["digest"], each["engine"]) for each in found} == {PROVENANCE}


@pytest.mark.parametrize("file_format", FileFormat)
def test_rows_of_label_sets_say_which_labels_a_text_has(tmp_path: Path, file_format: FileFormat) -> None:
    scores = {"billing": 0.25, "fault": 0.75}
    rows = [
        ScoredRow(Text(1, "a", "Slow."), Score(scores=scores, chosen=("fault",))),
        ScoredRow(Text(2, "b", "Fine."), Score(scores=scores, chosen=())),
        ScoredRow(Text(3, "c", "", "no_text"), Score(error="no_text")),
    ]
    with (
        partition(tmp_path, DAY, file_format) as file,
        rows_file(file, file_format, PROVENANCE, has_sets=True) as written,
    ):
        written.write(rows)
    found = read(partition_file(tmp_path, DAY, file_format))
    assert [tuple(each) for each in found] == [(*COLUMNS, "chosen")] * 3
    assert [each["chosen"] for each in found] == [["fault"], [], None]
    assert [(each["label"], each["score"], each["scores"]) for each in found[:2]] == [(None, None, scores)] * 2


DAYS = st.sampled_from([DAY, dt.date(2026, 11, 6)])
WRITES = st.lists(st.tuples(DAYS, st.sampled_from(FileFormat), st.integers(1, 5), st.booleans()), max_size=8)


@settings(deadline=None, max_examples=25)
@given(WRITES)
def test_a_day_has_the_rows_of_the_last_run_that_ended_well(
    writes: list[tuple[dt.date, FileFormat, int, bool]],
) -> None:
    expected: dict[dt.date, tuple[FileFormat, list[int]]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for turn, (day, file_format, count, fails) in enumerate(writes):
            rows = [row(100 * turn + number) for number in range(count)]
            if fails:
                with pytest.raises(ConnectionError):
                    write(folder, day, file_format, rows, fails=True)
            else:
                write(folder, day, file_format, rows)
                expected[day] = (file_format, [each.text.row for each in rows])
            assert_days(folder, expected)


def assert_days(folder: Path, expected: Mapping[dt.date, tuple[FileFormat, list[int]]]) -> None:
    files = {day: partition_file(folder, day, file_format) for day, (file_format, _) in expected.items()}
    assert files_of(folder) == sorted(file.relative_to(folder).as_posix() for file in files.values())
    for day, (_, numbers) in expected.items():
        assert [each["row"] for each in read(files[day])] == numbers


def test_of_two_runs_at_a_time_the_one_that_ends_last_stays_whole(tmp_path: Path) -> None:
    with partition(tmp_path, DAY, FileFormat.JSONL) as slow, rows_file(slow, FileFormat.JSONL, PROVENANCE) as first:
        first.write([row(1)])
        write(tmp_path, DAY, FileFormat.JSONL, [row(7), row(8)])  # takes nothing of the other's away
        target = partition_file(tmp_path, DAY, FileFormat.JSONL)
        assert [each["row"] for each in read(target)] == [7, 8]
        first.write([row(2), row(3)])

    assert [each["row"] for each in read(target)] == [1, 2, 3]
    assert files_of(tmp_path) == ["date=2026-11-05/scores.jsonl"]


KILLED = """
import datetime as dt, os, signal, sys
from pathlib import Path
from tests.tfx_modules.scoring.scores import row
from tests.tfx_modules.scoring.test_partition import DAY, write
from tfx_modules.scoring.file_formats import FileFormat

folder, at = Path(sys.argv[1]), sys.argv[2]
replace, fsync = Path.replace, os.fsync

def killed_before(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)

if at == "rename":
    Path.replace = killed_before
if at == "fsync":
    os.fsync = killed_before
if at == "flush of the folder":
    def then_killed(self, target):
        replace(self, target)
        os.fsync = killed_before
    Path.replace = then_killed
write(folder, DAY, FileFormat.JSONL, [row(7), row(8)])
"""


@pytest.mark.parametrize(("at", "expected"), [("fsync", [1]), ("rename", [1]), ("flush of the folder", [7, 8])])
def test_a_run_that_is_killed_leaves_the_day_as_it_was_or_whole_and_the_next_one_clears_up(
    tmp_path: Path, repository: Path, at: str, expected: list[int]
) -> None:
    write(tmp_path, DAY, FileFormat.JSONL, [row(1)])

    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), at], cwd=repository, check=False)

    assert done.returncode == -signal.SIGKILL
    target = partition_file(tmp_path, DAY, FileFormat.JSONL)
    assert [each["row"] for each in read(target)] == expected
    write(tmp_path, dt.date(2026, 11, 6), FileFormat.JSONL, [row(1)])
    assert files_of(tmp_path) == ["date=2026-11-05/scores.jsonl", "date=2026-11-06/scores.jsonl"]
    write(tmp_path, DAY, FileFormat.JSONL, [row(7), row(8)])
    assert [each["row"] for each in read(target)] == [7, 8]


def test_clearing_up_locks_as_nfs_does_and_minds_no_file_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    staging = tmp_path / ".staging"
    staging.mkdir()
    (staging / "2026-11-04-killed.jsonl").write_text("{")
    (staging / "2026-11-03-gone.jsonl").symlink_to(staging / "nowhere")  # listed, and not there when it is opened
    flock = fcntl.flock

    def of_nfs(file: IO[bytes], operation: int) -> None:
        if operation & fcntl.LOCK_EX and not file.writable():
            raise OSError(errno.EBADF, "Bad file descriptor")
        flock(file, operation)

    monkeypatch.setattr("tfx_modules.scoring.partition.fcntl.flock", of_nfs)
    with partition(tmp_path, DAY, FileFormat.JSONL) as slow:
        slow.write(b"{}\n")
        write(tmp_path, dt.date(2026, 11, 6), FileFormat.JSONL, [row(1)])
        assert not (staging / "2026-11-04-killed.jsonl").exists()
        assert len([path for path in staging.iterdir() if path.name.startswith(str(DAY))]) == 1
    assert partition_file(tmp_path, DAY, FileFormat.JSONL).read_bytes() == b"{}\n"


def test_a_rename_that_fails_leaves_the_day_in_the_format_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, DAY, FileFormat.JSONL, [row(1)])

    def refuse(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as changed:
        changed.setattr(Path, "replace", refuse)
        with pytest.raises(OSError, match="Input/output"):
            write(tmp_path, DAY, FileFormat.PARQUET, [row(7)])
    assert files_of(tmp_path) == ["date=2026-11-05/scores.jsonl"]
    assert [each["row"] for each in read(partition_file(tmp_path, DAY, FileFormat.JSONL))] == [1]


def test_a_disk_that_refuses_leaves_the_day_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, DAY, FileFormat.JSONL, [row(1)])

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as changed:
        changed.setattr("tfx_modules.scoring.partition.os.fsync", refuse)
        with pytest.raises(OSError, match="No space left"):
            write(tmp_path, DAY, FileFormat.JSONL, [row(7)])
    assert [each["row"] for each in read(partition_file(tmp_path, DAY, FileFormat.JSONL))] == [1]
    assert files_of(tmp_path) == ["date=2026-11-05/scores.jsonl"]
