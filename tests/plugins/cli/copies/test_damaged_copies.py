"""Versions that are damaged, in the store or on the disk: they do not appear, hold up no others, and are mended."""

import os
from pathlib import Path

import pytest
from airflow_bert_service.cli.copies.download import download
from airflow_bert_service.cli.copies.manifest import PLACE, Manifest
from airflow_bert_service.cli.copies.store import ModelStore
from airflow_bert_service.exceptions import ModelCopyError

from tests.plugins.cli.copies.copies_site import FIRST, SECOND, THIRD, Site, content, site, told, write_version
from tests.plugins.s3 import s3_address

__all__ = ["s3_address", "site"]


def test_a_version_that_was_changed_in_the_store_does_not_appear(site: Site) -> None:
    write_version(site.served, FIRST)
    assert (site.up(), site.down()) == (0, 0)
    before = content(site.follower)
    write_version(site.served, SECOND)
    assert site.up() == 0
    site.put(f"{SECOND}/variables/variables.index", b"changed")
    advice = "Run `copy-models --to` again; if that does not help, remove the file there before"
    with pytest.raises(
        ModelCopyError, match=rf"version {SECOND} at s3://.*: variables/variables.index is missing, or .*\. {advice}"
    ):
        site.down()
    assert content(site.follower) == before
    assert (site.up(), site.down()) == (0, 0)  # as the message says
    assert content(site.follower) == content(site.served)


def test_a_changed_file_of_the_same_size_is_copied_anew_when_it_was_removed(site: Site) -> None:
    write_version(site.served, FIRST)
    assert site.up() == 0
    name = f"{FIRST}/variables/variables.index"
    site.put(name, b"x" * len((site.served / name).read_bytes()))
    with pytest.raises(ModelCopyError, match=r"variables.index is missing, or is not the file"):
        site.down()
    site.bucket.Object(f"models/bert_sentiment/{name}").delete()
    assert (site.up(), site.down()) == (0, 0)
    assert content(site.follower) == content(site.served)


def test_a_damaged_version_holds_up_neither_newer_nor_older_ones(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    versions = (FIRST, SECOND, THIRD)
    for version in versions:
        write_version(site.served, version)
    assert site.up() == 0
    site.bucket.Object(f"models/bert_sentiment/{SECOND}/saved_model.pb").delete()
    told(capsys)
    with pytest.raises(ModelCopyError, match=rf"version {SECOND} at s3://.* lacks a file of its manifest"):
        site.down()
    assert told(capsys) == [f"copied {THIRD}", f"copied {FIRST}"]
    site.put(f"{THIRD}/{PLACE}", b"damaged")
    with pytest.raises(
        ModelCopyError, match=rf"the manifest of {THIRD} at .* is no manifest of a model(.|\n)*{SECOND}"
    ):
        site.down()
    assert {path.name for path in site.follower.iterdir()} == {str(FIRST), str(THIRD), ".copying.lock"}
    assert (site.up(), site.down()) == (0, 0)
    assert content(site.follower) == content(site.served)


def test_a_folder_keeps_what_it_has_when_no_version_of_the_store_can_be_used(site: Site) -> None:
    second = write_version(site.served, SECOND)
    assert (site.up(), site.down()) == (0, 0)
    before = content(site.follower)
    write_version(site.served, FIRST)
    second.rename(site.served.with_name("withdrawn"))
    assert site.up() == 0
    site.put(f"{FIRST}/saved_model.pb", b"changed")
    with pytest.raises(ModelCopyError, match=rf"version {FIRST} at s3://"):
        site.down()
    assert content(site.follower) == before


def test_a_version_whose_manifest_is_damaged_is_removed_when_it_is_no_longer_served(site: Site) -> None:
    for version in (FIRST, SECOND):
        write_version(site.served, version)
    assert site.up() == 0
    site.put(f"{SECOND}/{PLACE}", b"damaged")
    (site.served / str(SECOND)).rename(site.served.with_name("withdrawn"))
    assert site.up() == 0
    assert not any(f"/{SECOND}/" in key for key in site.names())


class Changed(ModelStore):
    """A store in which somebody overwrites each manifest when it was read."""

    def manifest(self, version: int) -> Manifest | None:
        read = super().manifest(version)
        self._store.pipe_file(self._place(version, PLACE), b"another one")
        return read


def test_a_copy_has_the_manifest_that_its_files_were_compared_with(site: Site) -> None:
    write_version(site.served, FIRST)
    assert site.up() == 0
    assert list(download(Changed(site.address, "models_s3"), site.follower)) == [f"copied {FIRST}"]
    assert content(site.follower) == content(site.served)


def test_a_copy_is_on_the_disk_before_it_has_its_name(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    write_version(site.served, FIRST)
    assert site.up() == 0
    flushed = list[str]()
    fsync = os.fsync

    def note(descriptor: int) -> None:
        flushed.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    assert site.down() == 0
    assert flushed.pop() == str(site.follower)
    before_its_name = [Path(path).relative_to(site.follower).parts for path in flushed if ".copying-" in path]
    copy = site.follower / str(FIRST)
    assert {Path(*parts[1:]) for parts in before_its_name} == {
        path.relative_to(copy) for path in (copy, *copy.rglob("*"))
    }


def test_a_version_that_was_changed_on_the_disk_is_not_copied(site: Site) -> None:
    folder = write_version(site.served, FIRST)
    (folder / "saved_model.pb").write_text("changed")
    with pytest.raises(ModelCopyError, match=r"saved_model.pb is missing, or is not the file that the version's man"):
        site.up()
    (folder / "saved_model.pb").unlink()
    with pytest.raises(ModelCopyError, match=r"saved_model.pb is missing, .*Put the version's own files back"):
        site.up()
    assert site.names() == {"models/bert_sentiment/.copies.json"}


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        '{"files": {"x": {"sha256": "0"}}}',
        '{"files": {"../../x": {"size": 1, "sha256": "0"}}}',
        '{"files": {"/x": {"size": 1, "sha256": "0"}}}',
    ],
)
def test_a_manifest_that_is_none_or_leads_elsewhere_is_refused(text: str) -> None:
    with pytest.raises(ModelCopyError, match=r"is no manifest of a model|outside the version's folder"):
        Manifest.read(text, "it")
