"""`python -m tfx_modules.vertex --project ID --location REGION ...`: submit the pipeline to Vertex AI."""

import argparse
import datetime as dt
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfx_modules.exceptions import PipelineError, VertexError
from tfx_modules.kubeflow.compile import SETTINGS, compile_containers
from tfx_modules.kubeflow.kfp_library import require_kfp
from tfx_modules.vertex.options import SECONDS, Place, add_arguments, place_of, run_of, seconds

if TYPE_CHECKING:
    from tfx_modules.vertex.service import VertexAI

_CONSOLE = "https://console.cloud.google.com/vertex-ai/locations/{0.location}/pipelines/runs/{1}?project={0.project}"
_INTERRUPTED = 130


def main(arguments: Sequence[str]) -> int:
    """Submit the pipeline, or write the request; return the exit code."""
    flags = parse(arguments)
    logging.getLogger().setLevel(logging.WARNING)
    try:
        place = place_of(flags)
        require_kfp(flags.kfp)
        if flags.write:
            return _write(make(flags, place), flags.write)
        # Before the pipeline is compiled: somebody without credentials should hear of it soon.
        api = _api(flags.api_endpoint or f"{place.location}-aiplatform.googleapis.com")
        return submit(api, make(flags, place), place, flags.wait)
    except PipelineError as error:
        print(f"The pipeline was not submitted: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted before Vertex AI had told a job's name.", file=sys.stderr)
        return _INTERRUPTED


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog=os.environ.get("BERT_SERVICE_PROGRAM") or "python -m tfx_modules.vertex",
        description="Submit the pipeline to Vertex AI Pipelines: every node is a custom job.",
    )
    add_arguments(parser)
    parser.add_argument(
        "--write", type=Path, metavar="FILE.json", help="write the request to a file, and submit nothing"
    )
    parser.add_argument(
        "--wait",
        nargs="?",
        type=seconds,
        const=SECONDS,
        metavar="SECONDS",
        help="wait for the job's end; look at it every so many seconds (default: %(const)s); the exit code is 1 "
        "when it has not succeeded",
    )
    parser.add_argument(
        "--settings",
        type=Path,
        default=SETTINGS,
        help="TOML file with the pipeline's settings (default: the project's)",
    )
    parser.add_argument("--kfp", type=Path, metavar="FOLDER", help="the environment that has kfp, for Python 3.11")
    return parser.parse_args(arguments)


def make(flags: argparse.Namespace, place: Place) -> dict[str, Any]:
    """Compile the pipeline, and make the request; ``kfp`` has to be importable.

    Raises:
        PipelineError: as :func:`tfx_modules.kubeflow.compile.compile_for_kubeflow`, or a machine is for a node that
            the pipeline does not have.
    """
    from tfx_modules.pipeline.compile import checked_settings
    from tfx_modules.vertex.request import make_request

    compiled = compile_containers(checked_settings(flags.settings), place.containers)
    run = run_of(flags, compiled["pipelineInfo"]["name"], dt.datetime.now(dt.UTC))
    return make_request(compiled, place, run)


def submit(api: "VertexAI", request: dict[str, Any], place: Place, wait: float | None) -> int:
    """Submit a request, and wait for the job's end where ``wait`` has seconds; return the exit code.

    Raises:
        PipelineError: nothing was submitted.
    """
    name = api.create(request)
    print(f"Submitted {name}.\n{_CONSOLE.format(place, request['pipelineJobId'])}", flush=True)
    if wait is None:
        return 0
    try:
        ended = api.wait(name, wait, lambda state: print(f"The job is {state}.", flush=True))
    except VertexError as error:
        print(f"{name} was submitted and goes on; its state cannot be read: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"Interrupted; {name} goes on.", file=sys.stderr)
        return _INTERRUPTED
    for failure in ended.failures:
        print(failure, file=sys.stderr)
    return 0 if ended.is_good else 1


def _write(request: dict[str, Any], file: Path) -> int:
    from tfx_modules.common.files import write_atomically
    from tfx_modules.vertex.service import checked

    checked(request)
    try:
        write_atomically(file, json.dumps(request, indent=2, sort_keys=True) + "\n")
    except OSError as error:
        print(f"{file} cannot be written: {error}. Correct this, and repeat.", file=sys.stderr)
        return 1
    print(f"Wrote the request into {file}; nothing was submitted.")
    return 0


def _api(endpoint: str) -> "VertexAI":
    # Here, since only this needs the client, which takes seconds to import.
    from tfx_modules.vertex.service import VertexAI

    return VertexAI(endpoint)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
