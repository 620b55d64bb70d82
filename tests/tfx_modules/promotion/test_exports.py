"""What versions carry for TFLite is copied to a folder of its own, which follows the version in service."""

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.tfx_modules.promotion.conftest import Site
from tfx_modules.common import carried
from tfx_modules.promotion.exports import folders
from tfx_modules.promotion.promoter import settle

PLACE = carried.PLACES[carried.TFLITE]


def carry(site: Site, day: int, name: str = "a") -> None:
    """Promote a model of a day that carries something for TFLite."""
    candidate = site.candidate(day, name)
    (candidate.model / PLACE).mkdir(parents=True)
    (candidate.model / PLACE / "model.tflite").write_text(f"lite {day} {name}")
    site.promote(candidate)


def copies(site: Site) -> dict[str, str]:
    """What there is for readers, hidden files included."""
    folder = folders.folder_of(site.repository, carried.TFLITE)
    return {path.name: (path / "model.tflite").read_text() for path in folder.iterdir()} if folder.is_dir() else {}


def test_versions_without_it_make_no_folder(site: Site) -> None:
    site.promote(site.candidate(3))
    assert not folders.folder_of(site.repository, carried.TFLITE).exists()


def test_what_a_promoted_version_carries_is_copied(site: Site) -> None:
    carry(site, 3)
    site.promote(site.candidate(4))
    carry(site, 5)
    assert folders.folder_of(site.repository, carried.TFLITE) == site.folder / "models" / "bert.tflite"
    assert copies(site) == {"2026110301": "lite 3 a", "2026110501": "lite 5 a"}


def test_after_a_rollback_the_largest_number_is_that_of_the_version_in_service(site: Site) -> None:
    carry(site, 3)
    carry(site, 4)
    site.roll_back()
    assert copies(site) == {"2026110301": "lite 3 a"}
    site.roll_back(2026110401)
    assert copies(site) == {"2026110301": "lite 3 a", "2026110401": "lite 4 a"}


def test_a_version_that_is_removed_takes_it_along(site: Site) -> None:
    carry(site, 3)
    carry(site, 4)
    site.remove(2026110301)
    assert copies(site) == {"2026110401": "lite 4 a"}


@pytest.mark.parametrize("damage", ["changed", "missing", "more"])
def test_settling_mends_a_copy_that_is_not_what_the_version_carries(site: Site, damage: str) -> None:
    carry(site, 3)
    copy = folders.folder_of(site.repository, carried.TFLITE) / "2026110301"
    if damage == "missing":
        shutil.rmtree(copy)
    else:
        (copy / ("model.tflite" if damage == "changed" else "other")).write_text("what somebody wrote")
    left = copy.with_name(".staging-of-a-killed-process")
    left.mkdir()
    settle(site.ledger, site.repository)
    assert copies(site) == {"2026110301": "lite 3 a"}
    assert [path.name for path in copy.iterdir()] == ["model.tflite"]


def test_what_is_damaged_in_the_version_is_not_copied_and_the_log_says_so(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    carry(site, 3)
    shutil.rmtree(folders.folder_of(site.repository, carried.TFLITE) / "2026110301")
    file = site.repository.folder(2026110301) / PLACE / "model.tflite"
    file.write_text("lite damaged")
    with caplog.at_level(logging.ERROR):
        settle(site.ledger, site.repository)
    assert copies(site) == {}
    assert f"{file.parent} is not what its version's manifest lists, and was not copied to" in caplog.text


def test_what_is_gone_from_the_version_is_told_in_the_log(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    carry(site, 3)
    shutil.rmtree(folders.folder_of(site.repository, carried.TFLITE))
    shutil.rmtree(site.repository.folder(2026110301) / PLACE)
    settle(site.ledger, site.repository)
    assert copies(site) == {}
    assert "is gone, which its version's manifest lists" in caplog.text


def test_what_python_writes_into_a_copy_that_it_imports_from_is_no_damage(site: Site) -> None:
    carry(site, 3)
    copy = folders.folder_of(site.repository, carried.TFLITE) / "2026110301"
    (copy / "__pycache__").mkdir()
    (copy / "__pycache__" / "score.cpython-311.pyc").write_text("bytecode")
    before = copy.stat().st_ino
    settle(site.ledger, site.repository)
    assert copy.stat().st_ino == before


def test_copies_of_versions_that_are_gone_are_removed(site: Site) -> None:
    carry(site, 3)
    carry(site, 4)
    folder = folders.folder_of(site.repository, carried.TFLITE)
    shutil.copytree(folder / "2026110301", folder / "2026110201")
    settle(site.ledger, site.repository)
    assert sorted(copies(site)) == ["2026110301", "2026110401"]


def test_a_damaged_manifest_keeps_it_from_being_copied(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    carry(site, 3)
    shutil.rmtree(folders.folder_of(site.repository, carried.TFLITE) / "2026110301")
    manifest = site.repository.folder(2026110301) / "assets.extra" / "manifest.json"
    manifest.write_text(json.dumps({"format": 1}))
    settle(site.ledger, site.repository)
    assert copies(site) == {}
    assert f"the manifest {manifest} cannot be read" in caplog.text


def test_a_copy_that_cannot_be_made_leaves_nothing_behind_and_the_version_serves(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    carry(site, 3)
    real = shutil.copytree

    def fails_for_tflite(source: Path, target: Path, *more: Any, **options: Any) -> Any:
        made = real(source, target, *more, **options)
        if Path(target).parent.name == "bert.tflite":
            raise OSError(28, "No space left on device")
        return made

    monkeypatch.setattr(shutil, "copytree", fails_for_tflite)
    carry(site, 4)
    assert site.repository.is_in_line(2026110401)
    assert "version 2026110401 serves, but what it carries for others could not be copied" in caplog.text
    assert "No space left on device. Check the disk" in caplog.text
    assert copies(site) == {"2026110301": "lite 3 a"}
    monkeypatch.undo()
    settle(site.ledger, site.repository)
    assert copies(site) == {"2026110301": "lite 3 a", "2026110401": "lite 4 a"}
