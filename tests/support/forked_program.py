"""Calls functions of a module, each in a process that may be killed: forks, so that imports are paid once."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = """
import importlib, json, os, sys, traceback
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what the functions print is no answer
module = importlib.import_module(sys.argv[1])
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            function, *arguments = json.loads(line)
            getattr(module, function)(*arguments)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), file=answers, flush=True)
"""


class ForkedProgram:
    """A program that has imported a module."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def call(self, function: str, *arguments: str) -> int:
        """Call a function of the module, with texts, in a fork of the program; return the fork's exit code."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([function, *arguments]) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextmanager
def forked_program(module: str, environment: Mapping[str, str] | None = None) -> Iterator[ForkedProgram]:
    """Run a program for the functions of a module of the tests, with this Python.

    Args:
        module: Its name.
        environment: The program's, with the import path in it; None: nothing but that.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, module],
        cwd=ROOT,
        env=environment or {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield ForkedProgram(process)
        assert process.stdin
        process.stdin.close()
