"""Logs of tasks."""

import os
from pathlib import Path

from tests.tfx_modules.retention.records import DAY, NOW, places, remove_all_but


def _log(folder: Path, run: str, days: float) -> Path:
    path = folder / "logs" / "dag_id=bert" / f"run_id={run}" / "task_id=Trainer" / "attempt=1.log"
    path.parent.mkdir(parents=True)
    path.write_text("a line\n")
    for changed in (path, path.parent, path.parent.parent):
        at = (NOW - days * DAY).timestamp()
        os.utime(changed, (at, at))
    return path


def test_logs_without_a_line_for_long_go_with_their_folders(tmp_path: Path) -> None:
    old, young = _log(tmp_path, "old", 31), _log(tmp_path, "young", 29)

    (item,) = remove_all_but(places(tmp_path), keep_log_days=30)

    assert (item.kind, item.name, item.size) == ("log", "dag_id=bert/run_id=old", len("a line\n"))
    assert item.reason == "1 file without a line for 30 days"
    assert not old.parent.parent.exists()
    assert young.exists()
    assert remove_all_but(places(tmp_path), keep_log_days=30) == []


def test_a_dry_run_leaves_them_and_so_does_0(tmp_path: Path) -> None:
    old = _log(tmp_path, "old", 3100)

    assert len(remove_all_but(places(tmp_path), dry_run=True, keep_log_days=30)) == 1
    assert remove_all_but(places(tmp_path), keep_log_days=0) == []
    assert old.exists()
