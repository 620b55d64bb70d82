"""Files that several processes share: locked by one at a time, replaced as a whole."""

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from tfx_modules.common.files import locked, sync_tree, write_atomically

HOLD = """
import sys, time
from pathlib import Path
from tfx_modules.common.files import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
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


def test_a_lock_file_that_is_left_behind_locks_nobody_out(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.touch()
    with locked(lock):
        assert not is_free(lock)


def test_the_kernel_frees_the_lock_of_a_process_that_was_killed(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(lock)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert not is_free(lock)
        holder.kill()
    with locked(lock):
        pass


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "made" / "outcome.json"
    write_atomically(file, "old")
    write_atomically(file, "größer")
    assert file.read_text(encoding="utf-8") == "größer"
    assert list(file.parent.iterdir()) == [file]


CRASH = """
import os, sys
from pathlib import Path
from tfx_modules.common.files import write_atomically
Path.replace = lambda *_: os._exit(9)  # as a kill between writing and renaming
write_atomically(Path(sys.argv[1]), "new")
"""


def test_a_crash_between_writing_and_renaming_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "outcome.json"
    write_atomically(file, "old")
    assert subprocess.run([sys.executable, "-c", CRASH, str(file)], check=False).returncode == 9
    assert file.read_text() == "old"


def test_a_tree_is_flushed_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_text("x")
    flushed: list[Path] = []
    monkeypatch.setattr("tfx_modules.common.files.sync", flushed.append)
    sync_tree(tmp_path / "a")
    assert sorted(flushed) == [tmp_path / "a", tmp_path / "a" / "b", tmp_path / "a" / "b" / "file"]
    assert flushed[-1] == tmp_path / "a"
