"""Finds the processes of one test, grandchildren and daemons too, by a variable that they all inherit."""

import time
import uuid
from contextlib import suppress
from pathlib import Path

VARIABLE = "BERT_SERVICE_TEST_MARK"


def new_mark() -> dict[str, str]:
    """Return an environment variable that marks a process and all that it will start."""
    return {VARIABLE: uuid.uuid4().hex}


def marked(mark: dict[str, str]) -> dict[int, str]:
    """Return the command lines of the living processes with the mark, by process id."""
    wanted = f"{VARIABLE}={mark[VARIABLE]}".encode()
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return found


def marked_after(mark: dict[str, str], seconds: float) -> dict[int, str]:
    """Wait until no marked process is left, `seconds` at most; return those that are."""
    deadline = time.monotonic() + seconds
    while (left := marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left
