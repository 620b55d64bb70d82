"""Runs the stack's commands: handles signals, errors and exit codes."""

import sys
from collections.abc import Callable

from scripts.errors import ScriptError
from scripts.stack.signals import Interrupted, Interrupts, interruptible

SIGNALLED = 128  # as shells count: 130 for Ctrl-C, 143 for SIGTERM


def say(line: str) -> None:
    """Print a line at once, also into a pipe."""
    print(line, flush=True)


def run_command(command: Callable[[Interrupts], None]) -> int:
    """Run a command that signals may interrupt.

    Returns:
        0 when it returned, 1 when it ended with an error a user can act on (printed), 128 + signal when a signal
        ended it.
    """
    try:
        with interruptible() as interrupts:
            command(interrupts)
    except ScriptError as error:
        print(f"\n{error}", file=sys.stderr, flush=True)
        return 1
    except Interrupted as interrupted:
        print(f"\nStopped ({interrupted}).", file=sys.stderr, flush=True)
        return SIGNALLED + interrupted.number
    return 0
