"""`python3 -m scripts.setup [tools|kubeflow]`: builds the environments that are missing or out of date.

Without an argument, the two environments that run the project; `tools`: the one with what builds the docs site and
checks imports; `kubeflow`: the one with the library of Kubeflow Pipelines.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Sequence

from scripts.setup.environments import all_environments, kubeflow_environment, tools_environment
from scripts.setup.missing import build_missing

OPTIONAL = {"tools": tools_environment, "kubeflow": kubeflow_environment}
"""Environments that only some commands need."""


def main(root: Path, arguments: Sequence[str] = ()) -> int:
    """Build the environments that are not ready; return the exit code."""
    if list(arguments) not in ([], *([name] for name in OPTIONAL)):
        print(
            f"Set-up got the argument {' '.join(arguments)}; allowed: none, or {' or '.join(OPTIONAL)}. Repeat "
            "with one of these.",
            file=sys.stderr,
        )
        return 2
    environments = (OPTIONAL[arguments[0]](root),) if arguments else all_environments(root)
    return build_missing(environments, root / ".venv")


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent.parent.parent, sys.argv[1:]))
