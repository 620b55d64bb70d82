"""`python -m tfx_modules.kubeflow`: runs a node in a container of Kubeflow Pipelines; the compiled spec calls it."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from tfx_modules.exceptions import PipelineError
from tfx_modules.kubeflow.kfp_library import require_kfp
from tfx_modules.node import logs

_logger = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> int:
    """Run a node; return the exit code."""
    # TFX hands the rest of the command line to executors, as flags.
    del sys.argv[1:]
    flags, beam_arguments = parse(arguments)
    logs.configure()
    try:
        require_kfp(None)
        from tfx_modules.kubeflow.node import NodeCall, run_node

        logs.tame_libraries()
        run_node(NodeCall.of(flags, beam_arguments), os.environ)
    except PipelineError as error:
        _logger.error("%s", error)  # noqa: TRY400 (the message says what to do; a traceback would bury it)
        return 1
    return 0


def parse(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Read a command line of a spec; what is left of it are Beam's arguments."""
    parser = argparse.ArgumentParser(prog="python -m tfx_modules.kubeflow", description=__doc__, allow_abbrev=False)
    parser.add_argument("--executor_class_path", required=True, help="the executor, as TFX names it")
    parser.add_argument("--json_serialized_invocation_args", required=True, help="the executor input")
    parser.add_argument("--json_serialized_inputs_spec_args", required=True, help="the inputs that the component has")
    parser.add_argument("--pipeline", required=True, help="the pipeline's name in the ledger")
    parser.add_argument("--code_version", required=True, help="of the node's code; a part of the cache's key")
    parser.add_argument("--pipeline_version", required=True, help="of all code of the pipeline, for the ledger")
    return parser.parse_known_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
