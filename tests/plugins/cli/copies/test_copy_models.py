"""Versions of a model on an object store: copied to it and from it, complete or not at all."""

import hashlib
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from airflow_bert_service.cli.copies.copy_models import main
from airflow_bert_service.cli.copies.manifest import PLACE, Manifest
from airflow_bert_service.exceptions import ModelCopyError

from tests.plugins.s3 import s3_address

__all__ = ["s3_address"]

FIRST, SECOND = 2026110501, 2026110601


def write_version(served: Path, version: int, text: str = "") -> Path:
    """Write a version as the Pusher does: files, and a manifest of them."""
    folder = served / str(version)
    contents = {
        "saved_model.pb": f"graph of {version}{text}",
        "variables/variables.index": f"index of {version}",
        "assets/vocab.txt": "good\nbad\n",
    }
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    digests = {name: hashlib.sha256(content.encode()).hexdigest() for name, content in contents.items()}
    (folder / PLACE).parent.mkdir()
    listed = {name: {"size": len(contents[name]), "sha256": digest} for name, digest in digests.items()}
    (folder / PLACE).write_text(json.dumps({"format": 1, "digest": "", "files": listed}))
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".copying.lock" not in path.parts
    }


def told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What the command has printed, without log lines: in tests, Airflow prints those, too."""
    return [line for line in capsys.readouterr().out.splitlines() if line.startswith(("copied", "removed"))]


@dataclass
class Site:
    """The served folder, a bucket, and a folder that follows it elsewhere."""

    served: Path
    follower: Path
    bucket: Any

    @property
    def address(self) -> str:
        return f"s3://{self.bucket.name}/models/bert_sentiment"

    def up(self) -> int:
        return main(["--to", self.address, "--conn-id", "models_s3"])

    def down(self) -> int:
        return main(["--from", self.address, "--into", str(self.follower), "--conn-id", "models_s3"])

    def names(self) -> set[str]:
        return {str(item.key) for item in self.bucket.objects.all()}


@pytest.fixture
def site(s3_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    import boto3

    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__STATE", str(tmp_path / "state"))
    connection = {
        "conn_type": "aws",
        "login": "user",
        "password": "secret",
        "extra": {"endpoint_url": s3_address, "region_name": "us-east-1"},
    }
    monkeypatch.setenv("AIRFLOW_CONN_MODELS_S3", json.dumps(connection))
    store = boto3.resource(
        "s3",
        endpoint_url=s3_address,
        region_name="us-east-1",
        aws_access_key_id="user",
        aws_secret_access_key="secret",
    )
    bucket = store.create_bucket(Bucket=f"models-{uuid.uuid4().hex}")
    return Site(tmp_path / "state" / "models" / "bert_sentiment", tmp_path / "elsewhere", bucket)


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
    assert all(f"/{FIRST}/" in key for key in site.names())


def test_a_version_whose_copy_was_interrupted_is_passed_over_and_completed(site: Site) -> None:
    write_version(site.served, FIRST)
    assert site.up() == 0
    write_version(site.served, SECOND)
    site.bucket.put_object(Key=f"models/bert_sentiment/{SECOND}/saved_model.pb", Body=b"half")
    assert site.down() == 0
    assert {path.name for path in site.follower.iterdir()} == {str(FIRST), ".copying.lock"}
    assert (site.up(), site.down()) == (0, 0)
    assert content(site.follower) == content(site.served)


def test_the_graph_is_copied_after_what_it_needs_and_the_manifest_last(tmp_path: Path) -> None:
    folder = write_version(tmp_path, FIRST)
    order = Manifest.read((folder / PLACE).read_text(), "it").in_order()
    assert order == ["assets/vocab.txt", "variables/variables.index", "saved_model.pb", PLACE]


def test_a_version_that_was_changed_in_the_store_does_not_appear(site: Site) -> None:
    write_version(site.served, FIRST)
    assert (site.up(), site.down()) == (0, 0)
    before = content(site.follower)
    write_version(site.served, SECOND)
    assert site.up() == 0
    site.bucket.put_object(Key=f"models/bert_sentiment/{SECOND}/variables/variables.index", Body=b"changed")
    with pytest.raises(ModelCopyError, match=r"variables.index is not the file that the version's manifest lists"):
        site.down()
    assert content(site.follower) == before


def test_a_version_that_was_changed_on_the_disk_is_not_copied(site: Site) -> None:
    folder = write_version(site.served, FIRST)
    (folder / "saved_model.pb").write_text("changed")
    with pytest.raises(ModelCopyError, match=r"saved_model.pb is not the file that the version's manifest lists"):
        site.up()
    assert site.names() == set()


def served_nothing(site: Site) -> None:
    assert site.up()


def stored_nothing(site: Site) -> None:
    write_version(site.follower, FIRST)
    site.down()


def another_model_of_the_number(site: Site) -> None:
    write_version(site.served, FIRST)
    assert site.up() == 0
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


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--to", "/srv/models"], "is no folder of an object store; allowed: SCHEME://BUCKET/FOLDER"),
        (["--to", "s3://bucket"], "is no folder of an object store"),
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


@pytest.mark.parametrize(
    "text", ["[]", "{}", '{"files": {"../../x": {"sha256": "0"}}}', '{"files": {"/x": {"sha256": "0"}}}']
)
def test_a_manifest_that_is_none_or_leads_elsewhere_is_refused(text: str) -> None:
    with pytest.raises(ModelCopyError, match=r"is no manifest of a model|outside the version's folder"):
        Manifest.read(text, "it")
