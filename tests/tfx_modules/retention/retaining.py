"""Retention in a process of its own, which is killed before a step."""

from pathlib import Path

from tests.tfx_modules.promotion.steps import kill_before
from tests.tfx_modules.retention.records import places, remove_all_but
from tfx_modules.retention.plan import Item


def retain_all(folder: Path) -> list[Item]:
    """By the rules of the test."""
    return remove_all_but(places(folder), keep_versions=1, keep_span_days=90, keep_artifact_days=30, keep_log_days=30)


def retain_until(folder: str, kill_at: str) -> None:
    """Do the same, and be killed before a step; this process ends with it."""
    kill_before(int(kill_at))
    retain_all(Path(folder))
