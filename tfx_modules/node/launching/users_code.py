"""Lets a node import the modules of a user's pipeline, as they were when the pipeline was compiled."""

import os
import sys
from pathlib import Path

CODE = "code"
"""The folder of these modules, beside the compiled pipeline; a pipeline of this project's own has none."""


def use_code_of(pipeline: Path) -> None:
    """Have this process, and those that it starts, import the modules that stand beside a compiled pipeline.

    Args:
        pipeline: The compiled pipeline.
    """
    code = pipeline.with_name(CODE)
    if not code.is_dir():
        return
    if str(code) in sys.path:
        return  # of a node before, in a process that runs several
    # Before installed packages, as for a script in that folder.
    sys.path.insert(0, str(code))
    others = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(code), *([others] if others else [])])
