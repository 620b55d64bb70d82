"""Runs the node command."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tfx_modules.common.parent_death import die_with
from tfx_modules.exceptions import NodeError
from tfx_modules.node import logs
from tfx_modules.node.request import NodeRequest, parse_request, read_request

_logger = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> int:
    """Run the node of a request file.

    Returns:
        The exit code: 0 where the node ended well or had nothing to do, else 1.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tfx_modules.node", description="Run one node of a compiled pipeline."
    )
    parser.add_argument("request", type=Path, help="JSON file with the node to run and the path of the outcome file")
    flags = parser.parse_args(arguments)
    # It leads a session of its own. When its task is killed with SIGKILL, the next try must not find it running.
    die_with(os.getppid())
    logs.configure()
    try:
        request = read_request(flags.request)
    except NodeError:
        _logger.exception("the request cannot be used")
        return 1
    return _run(request)


def run_fields(fields: object) -> int:
    """Run the node of a request that was already read, and return the exit code."""
    logs.configure()
    try:
        request = parse_request(fields)
    except NodeError:
        _logger.exception("the request cannot be used")
        return 1
    return _run(request)


def _run(request: NodeRequest) -> int:
    # An outcome of an earlier try must not be taken for this one's, if this one crashes.
    request.outcome.unlink(missing_ok=True)
    # Imports TFX, which takes many seconds; what is wrong with a request is said before.
    from tfx_modules.node.run import run_node

    logs.tame_libraries()
    _logger.info("running node %s of run %s", request.node, request.run_id)
    outcome = run_node(request)
    outcome.write(request.outcome)
    level = logging.INFO if outcome.exit_code == 0 else logging.ERROR
    _logger.log(
        level, "node %s: %s%s", outcome.node, outcome.state.value, f" ({outcome.reason})" if outcome.reason else ""
    )
    sys.stdout.flush()
    return outcome.exit_code
