"""`python3 -m scripts.setup.tfx FOLDER`: builds the TFX environment in a folder, unless it is ready.

The command `bert-service setup-tfx` runs it.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Sequence

from scripts.errors import SetupError
from scripts.setup.builds import check_place, open_builds
from scripts.setup.environments import all_environments
from scripts.setup.missing import build_missing


def main(arguments: Sequence[str], root: Path) -> int:
    """Build the environment where it is not ready; return the exit code."""
    if len(arguments) != 1:
        print("usage: python3 -m scripts.setup.tfx FOLDER", file=sys.stderr)
        return 2
    folder = Path(arguments[0]).expanduser().absolute()
    try:
        check_place(folder)
        home = open_builds(folder)
    except SetupError as error:
        print(f"Set-up failed. {error}", file=sys.stderr)
        return 1
    tfx = next(item for item in all_environments(root) if item.name == "tfx")
    return build_missing([replace(tfx, place=folder)], home)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Path(__file__).resolve().parent.parent.parent))
