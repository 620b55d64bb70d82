"""Days of scores go by when they were written."""

import os
import shutil
import threading
from pathlib import Path

from tests.tfx_modules.retention.records import DAY, NOW, places, remove_all_but, tree
from tfx_modules.common.files import locked
from tfx_modules.retention.plan import Item
from tfx_modules.retention.results.scores import Scores


def _write(folder: Path, day: str, ago: float) -> Path:
    file = folder / "scores" / "bert" / f"date={day}" / "scores.jsonl"
    file.parent.mkdir(parents=True)
    file.write_text("{}\n")
    for path in (file, file.parent):
        os.utime(path, ((NOW - ago * DAY).timestamp(),) * 2)
    return file


def test_a_day_that_was_not_scored_for_long_goes_and_one_of_an_old_date_that_was_stays(tmp_path: Path) -> None:
    old, scored_again = _write(tmp_path, "2026-11-05", 31), _write(tmp_path, "2025-01-01", 29)

    (item,) = remove_all_but(places(tmp_path), keep_score_days=30)

    assert (item.kind, item.name, item.size) == ("scores", "date=2026-11-05", 3)
    assert item.reason == "not scored for 30 days"
    assert not old.parent.exists()
    assert scored_again.exists()
    assert remove_all_but(places(tmp_path), keep_score_days=30) == []


def test_a_dry_run_leaves_them_and_so_does_0(tmp_path: Path) -> None:
    _write(tmp_path, "2026-11-05", 3100)
    before = tree(tmp_path / "scores")

    assert len(remove_all_but(places(tmp_path), dry_run=True, keep_score_days=30)) == 1
    assert remove_all_but(places(tmp_path), keep_score_days=0) == []
    assert tree(tmp_path / "scores") == before


def test_what_is_no_day_of_scores_stays(tmp_path: Path) -> None:
    elsewhere = _write(tmp_path / "elsewhere", "2026-11-05", 31).parent
    folder = tmp_path / "scores" / "bert"
    for name in (".staging", "notes", "date=today"):
        (folder / name).mkdir(parents=True)
        (folder / name / "file").write_text("")
        os.utime(folder / name / "file", ((NOW - 31 * DAY).timestamp(),) * 2)
        os.utime(folder / name, ((NOW - 31 * DAY).timestamp(),) * 2)
    (folder / "date=2026-11-05").symlink_to(elsewhere)

    assert remove_all_but(places(tmp_path), keep_score_days=30) == []
    assert (elsewhere / "scores.jsonl").exists()


def _planned(folder: Path) -> tuple[Scores, list[Item]]:
    scores = Scores(folder / "scores" / "bert", 30, NOW)
    return scores, scores.plan()


def test_a_day_that_is_scored_anew_after_it_was_planned_stays(tmp_path: Path) -> None:
    again, old = _write(tmp_path, "2026-11-04", 31), _write(tmp_path, "2026-11-05", 31)
    scores, items = _planned(tmp_path)
    again.write_text("{}\n{}\n")

    assert [item.name for item in scores.carry_out(items)] == ["date=2026-11-05"]
    assert again.read_text() == "{}\n{}\n"
    assert not old.parent.exists()


def test_a_day_that_is_being_put_in_place_is_waited_for(tmp_path: Path) -> None:
    file = _write(tmp_path, "2026-11-05", 31)
    scores, items = _planned(tmp_path)
    removed: list[list[Item]] = []
    retention = threading.Thread(target=lambda: removed.append(scores.carry_out(items)))

    with locked(file.parents[1] / ".staging" / "lock"):  # as the one that writes a day does
        retention.start()
        retention.join(0.5)
        assert file.exists()
        file.write_text("{}\n{}\n")
    retention.join()

    assert removed == [[]]
    assert file.exists()


def test_a_day_that_a_user_removes_after_it_was_planned_fails_nothing(tmp_path: Path) -> None:
    gone, old = _write(tmp_path, "2026-11-04", 31), _write(tmp_path, "2026-11-05", 31)
    scores, items = _planned(tmp_path)
    assert len(items) == 2
    shutil.rmtree(gone.parent)

    assert [item.name for item in scores.carry_out(items)] == ["date=2026-11-05"]
    assert not old.parent.exists()
