"""Runs the nodes of several requests in this process."""

import argparse
import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tfx_modules.common.parent_death import die_with
from tfx_modules.exceptions import NodeError
from tfx_modules.local.interrupts import Interrupts, without_traceback
from tfx_modules.node import logs
from tfx_modules.node.outcome import Outcome
from tfx_modules.node.request import NodeRequest, read_request

INTERRUPTED = 130
"""Exit code after Ctrl-C, as a shell has it."""


def main(arguments: Sequence[str]) -> int:
    """Run the nodes of request files, in their order, up to the first that does not end well.

    Returns:
        The exit code: 0 where all nodes ended well or had nothing to do, 130 after Ctrl-C, else 1.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tfx_modules.local",
        description="Run nodes of a compiled pipeline in this process, one after the other, up to the first that "
        "fails. Breakpoints work.",
    )
    parser.add_argument(
        "requests", type=Path, nargs="+", metavar="REQUEST.json", help="requests of the node command, in their order"
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="show what TFX and the other libraries log, not only warnings"
    )
    flags = parser.parse_args(arguments)
    die_with(os.getppid())
    logs.configure()
    for handler in logging.getLogger().handlers:
        handler.addFilter(without_traceback)
    try:
        return _run([read_request(path) for path in flags.requests], verbose=flags.verbose)
    except NodeError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(requests: Sequence[NodeRequest], *, verbose: bool) -> int:
    for request in requests:
        # An outcome of an earlier run of the same request must not be taken for this one's.
        request.outcome.unlink(missing_ok=True)
    # Imports TFX, which takes many seconds; what is wrong with a request is said before.
    from tfx_modules.node.run import run_node

    logs.tame_libraries()
    if not verbose:
        _quiet()
    for number, request in enumerate(requests, start=1):
        head = f"[{number}/{len(requests)}] {request.node}"
        print(f"{head} ...", flush=True)
        began = time.monotonic()
        # For each node anew: from a breakpoint on, Ctrl-C is the debugger's, to the end of its node.
        with Interrupts() as interrupts:
            outcome = run_node(request, forks_workers=False)
        outcome.write(request.outcome)
        print(f"{head}: {_described(outcome)} ({time.monotonic() - began:.1f} s)", flush=True)
        if interrupts.happened:
            return INTERRUPTED
        if outcome.exit_code != 0:
            return outcome.exit_code
    return 0


def _described(outcome: Outcome) -> str:
    state = outcome.state.value
    if not outcome.reason:
        return state
    # Reasons of gates begin with the word already.
    return outcome.reason if outcome.reason.startswith(f"{state}: ") else f"{state}: {outcome.reason}"


def _quiet() -> None:
    """Show warnings, and of this project's own code what it says of its work."""
    from absl import logging as absl_logging

    absl_logging.set_verbosity(absl_logging.WARNING)
    logging.getLogger().setLevel(logging.WARNING)
    logging.getLogger("tfx_modules").setLevel(logging.INFO)
