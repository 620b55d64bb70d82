"""Runs functions in a process whose disk fails, or is recorded, or whose clock is ahead, as a test asks (faults.c)."""

import errno
import json
import mmap
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CONTROL = struct.Struct("512s512s512s6q")
"""``struct control`` of faults.c."""
ALL = bool(os.environ.get("ALL_FAULTS"))
"""Whether each fault is tried in each situation, which takes many minutes."""
FAULTS = {
    "an error": (errno.EIO, False),
    "a dead disk": (errno.EIO, True),
    "no space for a moment": (errno.ENOSPC, False),
    "a full disk": (errno.ENOSPC, True),
}
"""Faults of a disk: the error, and whether all calls after the first one fail, too."""
MOST_CALLS = 10_000
PROGRAM = """
import importlib, json, os, sys
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what libraries print is no answer
module = importlib.import_module(sys.argv[1])
module.rehearse()  # what is imported and warm now is so in all forked processes
print("ready", file=answers, flush=True)
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        try:
            function, *arguments = json.loads(line)
            answer = {"returned": getattr(module, function)(*arguments)}
        except BaseException as error:
            kinds = [kind.__name__ for kind in type(error).__mro__]
            answer = {"raised": kinds, "message": str(error)}
        print(json.dumps(answer), file=answers, flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""
"""Calls functions of a module, each in a forked process: imports are paid once."""


@dataclass(frozen=True)
class Ended:
    """How a call of a function ended."""

    returned: object = None
    raised: tuple[str, ...] = ()
    """Names of the exception's class and its bases; empty: it returned."""
    message: str = ""
    failed: str = ""
    """The first call to the file system that failed, as ``sync /models/bert``; empty: none did."""


@dataclass(frozen=True, kw_only=True)
class Faults:
    """What goes wrong while a function runs."""

    below: Path
    """The folder whose files are concerned."""
    fail_at: int = 0
    """Number of the call to the file system that fails, from 1 on; 0: none does."""
    error: int = errno.EIO
    and_later: bool = False
    """Whether all later calls fail, too."""
    reads: bool = False
    """Whether reads count as calls; they change nothing."""
    log: Path | None = None
    """The file that calls are recorded in."""
    clock_ahead: int = 0
    """Seconds."""


class Control:
    """The structure that a test shares with processes under faults.c."""

    def __init__(self, library: Path, file: Path) -> None:
        file.write_bytes(bytes(CONTROL.size))
        self.environment = {"LD_PRELOAD": str(library), "FAULTS": str(file)}
        """Variables that a process needs to be under it."""
        with file.open("r+b") as opened:
            self._shared = mmap.mmap(opened.fileno(), CONTROL.size)

    @contextmanager
    def during(self, faults: Faults) -> Iterator[None]:
        """Have this go wrong, and count calls from the beginning."""
        log = os.fsencode(faults.log) if faults.log else b""
        numbers = (faults.fail_at, faults.and_later, faults.reads, faults.error, 0, faults.clock_ahead)
        self._shared[:] = CONTROL.pack(os.fsencode(faults.below), log, b"", *numbers)
        try:
            yield
        finally:
            failed = CONTROL.unpack(self._shared[:])[2]
            self._shared[:] = CONTROL.pack(b"", b"", failed, *[0] * 6)

    @property
    def failed(self) -> str:
        """The first call that failed."""
        return os.fsdecode(CONTROL.unpack(self._shared[:])[2].rstrip(b"\0"))


class FaultyProgram:
    """A program that calls functions of a module while things go wrong."""

    def __init__(self, process: "subprocess.Popen[str]", control: Control) -> None:
        self._process = process
        self._control = control

    def call(self, faults: Faults, function: str, *arguments: str) -> Ended:
        """Call a function of the module, with texts, in a process of its own."""
        assert self._process.stdin
        assert self._process.stdout
        with self._control.during(faults):
            self._process.stdin.write(json.dumps([function, *arguments]) + "\n")
            self._process.stdin.flush()
            answer = json.loads(self._process.stdout.readline())
        raised = tuple(answer.get("raised", ()))
        return Ended(answer.get("returned"), raised, answer.get("message", ""), self._control.failed)


@contextmanager
def faulty_program(library: Path, folder: Path, module: str) -> Iterator[FaultyProgram]:
    """Run a program for the functions of a module, which has a function ``rehearse`` that calls them once.

    Its own files are in a folder that is not below one whose calls fail.
    """
    folder.mkdir(exist_ok=True)
    control = Control(library, folder / "control")
    command = [sys.executable, "-c", PROGRAM, module]
    path = os.pathsep.join([str(ROOT), str(ROOT / "plugins")])
    environment = {**os.environ, **control.environment, "PYTHONPATH": path}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdin
        assert process.stdout.readline() == "ready\n"
        yield FaultyProgram(process, control)
        process.stdin.close()
        assert process.wait(30) == 0


def begun_anew(folder: Path, first: Path, step: int = 1) -> Iterator[int]:
    """Yield 1, 2, 3 ..., or numbers with a step between them.

    Each time the folder is as it was at first, of which a copy is made.
    """
    shutil.copytree(folder, first)
    for number in range(1, MOST_CALLS, step):
        shutil.rmtree(folder)
        shutil.copytree(first, folder)
        yield number
    pytest.fail(f"{MOST_CALLS} calls were not all")


@pytest.fixture(scope="session")
def faults_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled library."""
    if shutil.which("gcc") is None:
        pytest.skip("There is no gcc, which makes the library that lets calls fail. Install it.")
    library = tmp_path_factory.mktemp("library") / "faults.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, HERE / "faults.c", "-ldl"], check=True)
    return library
