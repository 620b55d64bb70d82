"""Retention in a process of its own, which kills itself before a step: `retaining.py FOLDER KILL_AT`.

Steps are numbered from 0: each change of the file system, and each commit of a database.
"""

import os
import shutil
import sys
from pathlib import Path

import sqlalchemy as sa

from tests.tfx_modules.promotion.pushing import Steps
from tests.tfx_modules.retention.records import places, remove_all_but
from tfx_modules.retention.plan import Item


def retain_all(folder: Path) -> list[Item]:
    """By the rules of the test."""
    return remove_all_but(places(folder), keep_versions=1, keep_span_days=90, keep_artifact_days=30, keep_log_days=30)


def main(folder: Path, kill_at: int) -> None:
    steps = Steps(kill_at)
    for owner, name in ((Path, "rename"), (Path, "unlink"), (shutil, "rmtree"), (os, "unlink"), (os, "rmdir")):
        steps.before(owner, name)
    sa.event.listen(sa.Engine, "commit", steps.take)
    retain_all(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
