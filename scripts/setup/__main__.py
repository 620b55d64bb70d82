"""`python3 -m scripts.setup`: builds what is missing, and nothing when nothing is."""

from __future__ import annotations

import sys
from pathlib import Path

from scripts.setup.environments import all_environments
from scripts.setup.missing import build_missing


def main(root: Path) -> int:
    """Build the environments that are not ready; return the exit code."""
    return build_missing(all_environments(root), root / ".venv")


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent.parent.parent))
