"""The C library's heaps: as many as there are cores, unless the environment says otherwise."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tfx_modules.serving.flags.batching_flags import cores

# Threads that allocate at the same time get heaps of their own, as long as there may be more.
CROWD = """
import ctypes, sys, threading
if sys.argv[1] == "bounded":
    from tfx_modules.serving.memory import bound_arenas
    bound_arenas()
many = int(sys.argv[2])
together = threading.Barrier(many)
def allocate():
    together.wait()
    kept = [bytes(100_000) for _ in range(20)]
    together.wait()
threads = [threading.Thread(target=allocate) for _ in range(many)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
library = ctypes.CDLL(None)
library.fopen.restype = ctypes.c_void_p
library.malloc_info(0, ctypes.c_void_p(library.fopen(b"/dev/stdout", b"w")))
library.fflush(None)
"""


def heaps(environ: dict[str, str], how: str = "bounded") -> int:
    kept = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", CROWD, how, str(6 * cores())],
        cwd=root,
        env={**kept, **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    return len(re.findall("<heap nr=", done.stdout))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="malloc_info is glibc's")
def test_threads_share_as_many_heaps_as_there_are_cores() -> None:
    assert heaps({}) == cores()
    assert heaps({}, "as it is") > cores()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="malloc_info is glibc's")
def test_the_environment_goes_before() -> None:
    assert heaps({"MALLOC_ARENA_MAX": str(cores() + 3)}) == cores() + 3
