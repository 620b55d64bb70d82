"""`python -m tfx_modules.pipeline.users FILE:FUNCTION --output FOLDER`: compile a user's own pipeline.

FOLDER gets ``pipeline.json``, the IR, and ``code``, the user's modules that its nodes run: those and no others, as they
were when the pipeline was compiled.
"""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tfx_modules.exceptions import PipelineError
from tfx_modules.pipeline.users.function import parse_function


def main(arguments: Sequence[str]) -> int:
    """Compile; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tfx_modules.pipeline.users", description=__doc__)
    parser.add_argument("function", help="FILE:FUNCTION; the function takes no arguments, and returns the pipeline")
    parser.add_argument("--output", type=Path, required=True, help="existing folder to write into")
    parser.add_argument("--code", type=Path, help="folder of the pipeline's modules (default: the file's folder)")
    parser.add_argument("--working-folder", type=Path, help="where relative paths, the function's too, count from")
    flags = parser.parse_args(arguments)
    logging.getLogger().setLevel(logging.WARNING)
    output = flags.output.resolve()
    if flags.working_folder:
        os.chdir(flags.working_folder)
    try:
        function = parse_function(flags.function, flags.code)
        # Imported here: it takes many seconds, and a wrong file should be told before.
        from tfx_modules.pipeline.users.compile import compile_users_pipeline

        compile_users_pipeline(function, output)
    except PipelineError as error:
        print(f"The pipeline cannot be compiled: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
