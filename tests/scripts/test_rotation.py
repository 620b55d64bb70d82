"""The logs of what `make up` starts stay bounded, while their processes go on writing."""

import subprocess
import sys
import time
from pathlib import Path

from scripts.stack.rotation import LARGEST, Rotation, begin, part, rotate

MEGABYTES = 2.5 * LARGEST / 1024**2
FLOOD = f"""
import os, time
for _ in range({MEGABYTES:.0f}):
    os.write(1, b"x" * 1024**2)
    time.sleep(0.02)
os.write(1, b"the end\\n")
"""


def test_a_small_log_stays(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    assert not rotate(log)
    log.write_text("x" * 10)
    assert not rotate(log, largest=10)
    assert log.read_text() == "x" * 10


def test_a_large_one_is_put_aside_and_the_oldest_parts_go(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    with log.open("ab", buffering=0) as file:
        for number in range(1, 6):
            file.write(str(number).encode() * 20)
            assert rotate(log, largest=10, kept=3)
        file.write(b"now")

    assert log.read_bytes() == b"now"
    assert [part(log, number).read_bytes() for number in (1, 2, 3)] == [b"5" * 20, b"4" * 20, b"3" * 20]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.log", "a.log.1", "a.log.2", "a.log.3"]


def test_a_log_that_cannot_be_copied_is_emptied_all_the_same(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b"x" * 20)
    part(log, 1).mkdir()
    (part(log, 1) / "in the way").touch()

    assert rotate(log, largest=10, kept=1)
    assert log.stat().st_size == 0


def test_a_process_that_writes_without_end_fills_no_disk_and_goes_on_writing(tmp_path: Path) -> None:
    log = tmp_path / "flood.log"
    part(log, 2).write_text("of the last start")
    begin(log)
    rotation = Rotation(lambda: [log], seconds=0.02)
    rotation.start()
    with log.open("ab") as file, subprocess.Popen([sys.executable, "-c", FLOOD], stdout=file) as process:
        assert process.wait(60) == 0
    time.sleep(0.2)
    rotation.stop()

    sizes = [file.stat().st_size for file in tmp_path.iterdir()]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["flood.log", "flood.log.1", "flood.log.2"]
    assert max(sizes) < 2 * LARGEST
    assert log.read_bytes().endswith(b"the end\n")
