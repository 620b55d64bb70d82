"""``python -m tfx_modules.vertex.endpoint --project ID ...``: have a Vertex endpoint serve what is in service.

The environment names ledger and pipeline as for the promotion command (``tfx_modules.promotion.command``).
"""

import argparse
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence

from tfx_modules.common.program import program
from tfx_modules.exceptions import CopyMissingError, PipelineError, SettingsError, VertexRefusalError
from tfx_modules.promotion.command import context_of
from tfx_modules.promotion.command.answers import CommandContext
from tfx_modules.promotion.exceptions import RefusedError
from tfx_modules.vertex.endpoint.options import Destination, add_arguments, destination_of

PROGRAM = "bert-service deploy-vertex"
_MOST_FAILURES = 10
"""So many passes of ``--every`` that fail one after another end the command."""
_REFUSALS = (SettingsError, RefusedError, VertexRefusalError)
_INTERRUPTED = 130

Pass = Callable[[], None]


def main(arguments: Sequence[str]) -> int:
    """Follow once, or again and again until Ctrl-C; return the exit code."""
    flags = parse(arguments)
    logging.getLogger().setLevel(logging.WARNING)
    try:
        context = context_of(os.environ)
        destination = destination_of(flags, context.ledger.pipeline)
        host = flags.api_endpoint or f"{destination.location}-aiplatform.googleapis.com"
        return repeat(_pass(context, destination, host), flags.every)
    except PipelineError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; what Vertex AI has begun goes on. Repeat the command to see to it.", file=sys.stderr)
        return _INTERRUPTED


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog=program(PROGRAM),
        description="Have an endpoint of Vertex AI serve the version that is in service by the ledger, rollbacks too. "
        "What is no longer in service is undeployed at the end; what others have deployed stays.",
    )
    add_arguments(parser)
    return parser.parse_args(arguments)


def repeat(follow_once: Pass, every: float | None) -> int:
    """Make one pass, or one after the other; return the exit code.

    Args:
        follow_once: a pass.
        every: seconds between two; None: one is all.

    Raises:
        PipelineError: the only pass failed, or ten in a row, or one was refused and none has succeeded before: an
            option may be wrong. A version whose copy is not there yet is waited for.
    """
    failures, succeeded, waited = 0, False, ""
    while True:
        try:
            follow_once()
            failures, succeeded, waited = 0, True, ""
        except CopyMissingError as error:
            if every is None:
                raise
            if (missing := str(error)) != waited:
                print(f"waiting: {missing}", flush=True)
            failures, waited = 0, missing
        except PipelineError as error:
            failures += 1
            refused = isinstance(error, _REFUSALS) and not succeeded
            if every is None or refused or failures == _MOST_FAILURES:
                raise
            print(f"{error}\nThe next try is in {every:g} s.", file=sys.stderr, flush=True)
        if every is None:
            return 0
        time.sleep(every)


def _tell(line: str) -> None:
    print(line, flush=True)


def _pass(context: CommandContext, destination: Destination, host: str) -> Pass:
    # Here, since only this needs the clients, which take seconds to import.
    from tfx_modules.serving.vertex.storage import StoredFolder
    from tfx_modules.vertex.endpoint.following import follow
    from tfx_modules.vertex.endpoint.service import EndpointService

    with context.ledger.exclusive() as held:
        owner = str(held.environment.id)
    service = EndpointService(destination, host, owner)
    return lambda: follow(context, destination, service, StoredFolder, _tell)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
