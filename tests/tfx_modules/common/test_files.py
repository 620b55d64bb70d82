"""Files that several processes share: locked by one at a time, replaced as a whole."""

import errno
import fcntl
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tfx_modules.common.files import locked, read_short, sync, sync_tree, write_atomically

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


def test_flushing_follows_no_links_opens_no_fifos_and_tells_the_bytes(tmp_path: Path) -> None:
    folder = tmp_path / "output"
    folder.mkdir()
    (folder / "file").write_text("four")
    (folder / "dangling").symlink_to("nowhere")
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "fifo")
    assert sync_tree(folder) == 4
    assert sync_tree(folder / "file") == 4


def test_an_error_of_flushing_names_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int) -> None:
        del descriptor
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match=re.escape(f"Input/output error: '{tmp_path}'")):
        sync(tmp_path)


def test_a_short_text_is_read_and_nobody_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("größer", encoding="utf-8")
    (tmp_path / "link").symlink_to("text")
    assert read_short(tmp_path / "link", 8) == "größer"
    with pytest.raises(OSError, match=r"it is longer than 7 bytes: .*text"):
        read_short(tmp_path / "text", 7)
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OSError, match=r"it is neither a file nor a link to one: .*fifo"):
        read_short(tmp_path / "fifo", 8)
