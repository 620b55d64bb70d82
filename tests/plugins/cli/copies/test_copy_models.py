"""Versions of a model on an object store: copied to it and from it, complete or not at all."""

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow_bert_service.cli.copies.copy_models import main
from airflow_bert_service.cli.copies.manifest import PLACE, Manifest
from airflow_bert_service.cli.copies.store import ModelStore
from airflow_bert_service.cli.copies.upload import upload
from airflow_bert_service.exceptions import ModelCopyError
from airflow_bert_service.files import try_lock

from tests.plugins.cli.copies.copies_site import (
    FIRST,
    SECOND,
    Site,
    assert_interrupted_copies_are_passed_over_and_completed,
    content,
    site,
    told,
    write_version,
)
from tests.plugins.s3 import s3_address

__all__ = ["s3_address", "site"]


def test_versions_go_to_the_store_and_from_there_to_a_server_s_folder(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    for version in (FIRST, SECOND):
        write_version(site.served, version)
    (site.served / ".digests").mkdir()
    assert site.up() == 0
    assert told(capsys) == [f"copied {FIRST}", f"copied {SECOND}"]
    assert f"models/bert_sentiment/{FIRST}/saved_model.pb" in site.names()
    assert site.down() == 0
    assert content(site.follower) == content(site.served)
    told(capsys)
    assert (site.up(), site.down()) == (0, 0)
    assert told(capsys) == []  # nothing was left to do


def test_a_rollback_is_followed(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    for version in (FIRST, SECOND):
        write_version(site.served, version)
    assert (site.up(), site.down()) == (0, 0)
    (site.served / str(SECOND)).rename(site.served.with_name("withdrawn"))
    told(capsys)
    assert (site.up(), site.down()) == (0, 0)
    assert told(capsys) == [f"removed {SECOND}", f"removed {SECOND}"]
    assert content(site.follower) == content(site.served)
    assert not any(f"/{SECOND}/" in key for key in site.names())


def test_a_version_whose_copy_was_interrupted_is_passed_over_and_completed(site: Site) -> None:
    assert_interrupted_copies_are_passed_over_and_completed(site)


def test_the_graph_is_copied_after_what_it_needs_and_the_manifest_last(tmp_path: Path) -> None:
    folder = write_version(tmp_path, FIRST)
    order = Manifest.read((folder / PLACE).read_text(), "it").in_order()
    assert order == ["assets/vocab.txt", "variables/variables.index", "saved_model.pb", PLACE]


@pytest.mark.parametrize("marker", [None, b'{"pipeline": "another_one"}', b"\xff"])
def test_an_address_that_has_something_else_keeps_it(site: Site, marker: bytes | None) -> None:
    write_version(site.served, FIRST)
    site.put("20261105/reviews.csv", b"text,label\n")
    if marker is not None:
        site.put(".copies.json", marker)
    before = site.names()
    with pytest.raises(ModelCopyError, match=r"Name another (one|address)"):
        site.up()
    assert site.names() == before


def test_a_folder_that_has_something_else_keeps_it(site: Site) -> None:
    write_version(site.served, FIRST)
    assert site.up() == 0
    (site.follower / "7").mkdir(parents=True)
    with pytest.raises(ModelCopyError, match=r"elsewhere, which has entries with numbers, like 7"):
        site.down()
    assert [path.name for path in site.follower.iterdir()] == ["7"]


def test_what_was_promoted_during_an_upload_is_not_removed(site: Site) -> None:
    write_version(site.served, FIRST)
    lines = upload("bert_sentiment", site.served, site.store)
    assert next(lines) == f"copied {FIRST}"
    assert try_lock(site.served.with_name("bert_sentiment.copying.lock")) is None  # a second upload would wait
    write_version(site.served, SECOND)
    site.put(f"{SECOND}/saved_model.pb", b"graph")
    assert list(lines) == []
    assert f"models/bert_sentiment/{SECOND}/saved_model.pb" in site.names()


def test_an_upload_whose_served_folder_is_unmounted_removes_nothing(site: Site) -> None:
    write_version(site.served, FIRST)
    lines = upload("bert_sentiment", site.served, site.store)
    assert next(lines) == f"copied {FIRST}"
    site.served.rename(site.served.with_name("unmounted"))
    with pytest.raises(ModelCopyError, match=r"no version is in .*; nothing was removed"):
        list(lines)
    assert f"models/bert_sentiment/{FIRST}/{PLACE}" in site.names()


def served_nothing(site: Site) -> None:
    assert site.up()


def stored_nothing(site: Site) -> None:
    write_version(site.served, FIRST)
    assert (site.up(), site.down()) == (0, 0)
    site.bucket.objects.all().delete()
    site.down()


def another_model_of_the_number(site: Site) -> None:
    write_version(site.served, FIRST)
    assert site.up() == 0
    assert site.down() == 0
    shutil.rmtree(site.follower / str(FIRST))
    write_version(site.follower, FIRST, "another one")
    site.down()


def into_a_pusher_s_folder(site: Site) -> None:
    write_version(site.served, FIRST)
    assert site.up() == 0
    site.follower.with_name("elsewhere.withdrawn").mkdir()
    site.down()


@pytest.mark.parametrize(
    ("do", "reason"),
    [
        (served_nothing, r"no version is in .*bert_sentiment; needed: one that was promoted"),
        (stored_nothing, r"s3://.*/models/bert_sentiment has no complete version; needed: one at least"),
        (another_model_of_the_number, rf"version {FIRST} in .*elsewhere is another model than the one at s3://"),
        (into_a_pusher_s_folder, r"--into is .*elsewhere, into which a Pusher promotes"),
    ],
)
def test_what_is_refused_removes_nothing(site: Site, do: Callable[[Site], None], reason: str) -> None:
    with pytest.raises(ModelCopyError, match=reason):
        do(site)
    assert not list(site.follower.glob(".copying-*"))
    assert content(site.follower).keys() in (set(), content_names())


def content_names() -> set[str]:
    names = ("saved_model.pb", "variables/variables.index", "assets/vocab.txt", PLACE)
    return {f"{FIRST}/{name}" for name in names}


def test_a_store_that_cannot_be_asked_is_told(site: Site) -> None:
    write_version(site.served, FIRST)
    with pytest.raises(ModelCopyError, match=r"cannot be used: .*no_such_connection.*Check address and --conn-id"):
        main(["--to", site.address, "--conn-id", "no_such_connection"])


def test_a_bucket_that_is_not_there_is_told(site: Site) -> None:
    write_version(site.served, FIRST)
    with pytest.raises(ModelCopyError, match=r"s3://no-such-bucket/models cannot be used: .*bucket does not exist"):
        main(["--to", "s3://no-such-bucket/models", "--conn-id", "models_s3"])


def test_a_version_that_is_withdrawn_while_it_is_copied_is_told(site: Site) -> None:
    folder = write_version(site.served, FIRST)

    class Slow(ModelStore):
        def put(self, file: Path, version: int, name: str) -> None:
            if name == "saved_model.pb":
                folder.rename(site.served.with_name("withdrawn"))
            super().put(file, version, name)

    with pytest.raises(ModelCopyError, match=rf"version {FIRST} was withdrawn from .* while it was copied. Run the"):
        list(upload("bert_sentiment", site.served, Slow(site.address, "models_s3")))


def test_copies_go_on_after_errors_until_ten_in_a_row(
    site: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, away = write_version(site.served, FIRST), site.served.with_name("away")
    waits = 0

    def wait(seconds: float) -> None:
        nonlocal waits
        assert seconds == 30
        waits += 1
        if waits in (1, 11):
            folder.rename(away)
        if waits == 10:
            away.rename(folder)

    monkeypatch.setattr("airflow_bert_service.cli.copies.copy_models.time", SimpleNamespace(sleep=wait))
    with pytest.raises(ModelCopyError, match="no version is in"):
        site.up("--every", "30")
    assert waits == 20
    assert capsys.readouterr().err.count("The next try is in 30 s") == 18


def test_an_error_of_the_first_copy_ends_the_command(site: Site) -> None:
    with pytest.raises(ModelCopyError, match="no version is in"):
        site.up("--every", "30")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--to", "/srv/models"], "is no folder of an object store; allowed: SCHEME://BUCKET/FOLDER"),
        (["--to", "s3://bucket"], "is no folder of an object store"),
        (["--to", "s3://bucket/models*"], "allowed: SCHEME://BUCKET/FOLDER without *, ? and ["),
        (["--to", "file:///mnt/x/models"], "is no folder of an object store"),
        (["--from", "s3://bucket/models", "--into", "s3://bucket/x"], "is no folder of this machine"),
        (["--from", "s3://bucket/models"], "--from needs --into FOLDER"),
        (["--to", "s3://bucket/models", "--into", "/srv"], "--into belongs to --from"),
        (["--from", "s3://bucket/models", "--into", "/srv", "--pipeline", "a"], "--pipeline belongs to --to"),
        (["--to", "s3://bucket/models", "--every", "0"], "is no time between copies; allowed: seconds from 1"),
        ([], "one of the arguments --to --from is required"),
    ],
)
def test_a_wrong_command_line_is_refused(arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert reason in capsys.readouterr().err
