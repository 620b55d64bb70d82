"""`python3 -m scripts.setup [tools|kubeflow|notebook]`: builds the environments that are missing or out of date.

Without an argument, the two environments that run the project; `tools`: the one with what builds the docs site and
checks imports; `kubeflow`: the one with the library of Kubeflow Pipelines; `notebook`: the TFX environment, and the one
with Jupyter, which has its packages.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Callable, Mapping, Sequence

from scripts.setup.environments import (
    Environment,
    all_environments,
    kubeflow_environment,
    notebook_environment,
    tools_environment,
)
from scripts.setup.missing import build_missing


def main(root: Path, arguments: Sequence[str] = ()) -> int:
    """Build the environments that are not ready; return the exit code."""
    wanted = " ".join(arguments)
    if wanted not in _CHOICES:
        print(
            f"Set-up got the argument {wanted}; allowed: none, {', '.join(filter(None, _CHOICES))}. Repeat with one "
            "of these.",
            file=sys.stderr,
        )
        return 2
    return build_missing(_CHOICES[wanted](root), root / ".venv")


def _for_notebooks(root: Path) -> tuple[Environment, ...]:
    notebook = notebook_environment(root)
    return (notebook.base, notebook) if notebook.base else (notebook,)


_CHOICES: Mapping[str, Callable[[Path], Sequence[Environment]]] = {
    "": all_environments,
    "tools": lambda root: (tools_environment(root),),
    "kubeflow": lambda root: (kubeflow_environment(root),),
    "notebook": _for_notebooks,
}


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent.parent.parent, sys.argv[1:]))
