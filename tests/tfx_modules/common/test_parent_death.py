"""A process that is tied to its parent ends with it, however the parent ends."""

import subprocess
import sys
import time
from pathlib import Path

PARENT = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", sys.argv[1], str(os.getpid())], stdout=subprocess.PIPE)
child.stdout.readline()  # it is tied
print(child.pid, flush=True)
time.sleep(60)
"""
CHILD = """
import sys, time
from tfx_modules.common.parent_death import die_with
die_with(int(sys.argv[1]))
print("tied", flush=True)
time.sleep(60)
"""
WAIT_SECONDS = 20.0


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_it_ends_when_its_parent_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, CHILD], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert is_alive(child)
        parent.kill()
    deadline = time.monotonic() + WAIT_SECONDS
    while is_alive(child):
        assert time.monotonic() < deadline, "it is still alive"
        time.sleep(0.02)


def test_it_ends_at_once_where_the_parent_has_ended_before() -> None:
    another_than_the_parent = "1"
    done = subprocess.run([sys.executable, "-c", CHILD, another_than_the_parent], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (1, b"")
