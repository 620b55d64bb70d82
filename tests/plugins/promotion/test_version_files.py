"""A version's files are listed by its manifest, whatever is in the place of one."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from airflow_bert_service.promotion.version_files import (
    MANIFEST,
    Whereabouts,
    card_of,
    folder_of,
    read_card,
    version_files,
)

VERSION = 2026110501
SECRET = "what nobody may see"
FILE = {"size": 1, "sha256": "a" * 64}


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """The path of a version's manifest in the served folder `tmp_path`."""
    path = tmp_path / str(VERSION) / MANIFEST
    path.parent.mkdir(parents=True)
    return path


def test_a_manifest_lists_the_files(tmp_path: Path, manifest: Path) -> None:
    manifest.write_text(json.dumps({"format": 1, "digest": "d", "files": {"b": FILE, "a": FILE}}))
    found = version_files(tmp_path, VERSION)
    assert (found.where, found.problem, found.digest) == (Whereabouts.SERVED, "", "d")
    assert [file.name for file in found.files] == ["a", "b"]


def _write(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


@pytest.mark.parametrize(
    ("place", "problem"),
    [
        (_write(b"\xff" + SECRET.encode()), "it is no list of files in JSON"),
        (_write(SECRET.encode()), "it is no list of files in JSON"),
        (_write(b"[" * 1_000_000), "it is no list of files in JSON"),
        (_write(b'{"format": 1, "digest": "", "files": {"a": {"size": Infinity, "sha256": ""}}}'), "it is no list"),
        (_write(b" " * (5 << 20)), "it has over 4194304 bytes"),
        (os.mkfifo, "it is not a file"),
        (Path.mkdir, "it is not a file"),
        (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
        (Path.exists, "No such file or directory"),
    ],
    ids=["no text", "no JSON", "deep", "infinite", "large", "pipe", "folder", "link to itself", "missing"],
)
def test_what_is_no_manifest_is_told_without_what_is_in_it(
    tmp_path: Path, manifest: Path, place: Callable[[Path], object], problem: str
) -> None:
    place(manifest)
    found = version_files(tmp_path, VERSION)
    assert problem in found.problem
    assert SECRET not in found.problem
    assert found.files == ()


def test_a_folder_that_cannot_be_seen_is_as_one_that_was_removed(tmp_path: Path) -> None:
    unseen = tmp_path / ("x" * 300)  # whose name no file system takes
    assert version_files(unseen, VERSION).where is Whereabouts.REMOVED
    assert folder_of(unseen, VERSION) is None
    assert card_of(unseen, VERSION) is None
    assert read_card(unseen, VERSION) is None


def test_a_card_that_is_removed_while_it_is_read_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served = tmp_path / "bert_sentiment"
    card = tmp_path / "bert_sentiment.cards" / f"{VERSION}.html"
    card.parent.mkdir()
    card.write_text("<p>card")
    assert (card_of(served, VERSION), read_card(served, VERSION)) == (card, b"<p>card")
    look = Path.is_file

    def look_and_lose(path: Path) -> bool:
        found = look(path)
        path.unlink()
        return found

    monkeypatch.setattr(Path, "is_file", look_and_lose)
    assert read_card(served, VERSION) is None
