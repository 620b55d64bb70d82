"""`python3 -m scripts.setup [tools]`: builds the environments that are missing or out of date.

Without an argument, the two environments that run the project; `tools`: the one with what builds the docs site and
checks imports.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Sequence

from scripts.setup.environments import all_environments, tools_environment
from scripts.setup.missing import build_missing


def main(root: Path, arguments: Sequence[str] = ()) -> int:
    """Build the environments that are not ready; return the exit code."""
    if list(arguments) not in ([], ["tools"]):
        print(
            f"Set-up got the argument {' '.join(arguments)}; allowed: none, or tools. Repeat with one of these.",
            file=sys.stderr,
        )
        return 2
    environments = (tools_environment(root),) if arguments else all_environments(root)
    return build_missing(environments, root / ".venv")


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent.parent.parent, sys.argv[1:]))
