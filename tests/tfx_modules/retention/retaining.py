"""Retention in a process of its own, which is killed before a step: `retaining.py FOLDER KILL_AT`."""

import sys
from pathlib import Path

from tests.tfx_modules.promotion.steps import kill_before
from tests.tfx_modules.retention.records import places, remove_all_but
from tfx_modules.retention.plan import Item


def retain_all(folder: Path) -> list[Item]:
    """By the rules of the test."""
    return remove_all_but(places(folder), keep_versions=1, keep_span_days=90, keep_artifact_days=30, keep_log_days=30)


def main(folder: Path, kill_at: int) -> None:
    kill_before(kill_at)
    retain_all(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
