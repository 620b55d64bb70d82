"""Files that several processes share: locked by one at a time, replaced as a whole."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest
from airflow_bert_service.files import free_lock, locked, publishing, try_lock

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "plugins")}
HOLD = """
import sys, time
from pathlib import Path
from airflow_bert_service.files import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""
CRASH = """
import os, sys
from pathlib import Path
from airflow_bert_service.files import publishing
with publishing(Path(sys.argv[1])) as part:
    part.write_text("new")
    os._exit(9)  # as a kill between writing and renaming
"""


def is_free(lock: Path) -> bool:
    with lock.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_a_lock_has_one_holder_and_is_free_after_it(tmp_path: Path) -> None:
    lock = tmp_path / "made" / "lock"
    with locked(lock):
        assert not is_free(lock)
    assert is_free(lock)


def test_a_lock_is_tried_without_waiting_and_held_until_it_is_freed(tmp_path: Path) -> None:
    lock = tmp_path / "made" / "lock"
    held = try_lock(lock)
    assert held is not None
    assert try_lock(lock) is None
    free_lock(held)
    assert is_free(lock)


def test_a_lock_file_that_is_left_behind_locks_nobody_out(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.touch()
    with locked(lock):
        assert not is_free(lock)


def test_the_kernel_frees_the_lock_of_a_process_that_was_killed(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    command = [sys.executable, "-c", HOLD, str(lock)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=ENVIRONMENT) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert not is_free(lock)
        holder.kill()
    with locked(lock):
        pass


def test_a_file_appears_when_all_of_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "reviews.csv"
    with publishing(file) as part:
        part.write_text("all")
        assert not file.exists()
    assert file.read_text() == "all"
    assert list(tmp_path.iterdir()) == [file]


def test_an_error_while_it_is_written_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "reviews.csv"
    file.write_text("old")

    def write() -> None:
        with publishing(file) as part:
            part.write_text("new")
            raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        write()
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_kill_before_the_renaming_leaves_the_old_file_and_the_next_writer_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "reviews.csv"
    file.write_text("old")
    assert subprocess.run([sys.executable, "-c", CRASH, str(file)], env=ENVIRONMENT, check=False).returncode == 9
    assert file.read_text() == "old"
    with publishing(file) as part:
        assert not part.exists()
        part.write_text("newer")
    assert file.read_text() == "newer"
    assert list(tmp_path.iterdir()) == [file]
