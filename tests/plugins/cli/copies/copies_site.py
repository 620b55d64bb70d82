"""A served folder, a bucket of an S3 server, and a folder that follows it elsewhere; for tests of ``copy-models``."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest
from airflow_bert_service.cli.copies.copy_models import main
from airflow_bert_service.cli.copies.manifest import PLACE
from airflow_bert_service.cli.copies.store import ModelStore

from tests.plugins.s3 import new_bucket

FIRST, SECOND, THIRD = 2026110501, 2026110601, 2026110701


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

    CONN_ID: ClassVar = "models_s3"

    served: Path
    follower: Path
    bucket: Any

    @classmethod
    def below(cls, folder: Path, bucket: Any, monkeypatch: pytest.MonkeyPatch) -> Self:
        """Make one, and have the command's settings name its folder."""
        monkeypatch.setenv("AIRFLOW__BERT_SERVICE__STATE", str(folder / "state"))
        # As the command sets it for its process, which here is that of later tests, too.
        monkeypatch.setenv("AIRFLOW__LOGGING__LOGGING_LEVEL", "WARNING")
        return cls(folder / "state" / "models" / "bert_sentiment", folder / "elsewhere", bucket)

    @property
    def address(self) -> str:
        return f"s3://{self.bucket.name}/models/bert_sentiment"

    @property
    def store(self) -> ModelStore:
        return ModelStore(self.address, self.CONN_ID)

    def up(self, *flags: str) -> int:
        return main(["--to", self.address, "--conn-id", self.CONN_ID, *flags])

    def down(self, *flags: str) -> int:
        return main(["--from", self.address, "--into", str(self.follower), "--conn-id", self.CONN_ID, *flags])

    def put(self, name: str, body: bytes) -> None:
        """Write an object as somebody else than the command."""
        self.bucket.put_object(Key=f"models/bert_sentiment/{name}", Body=body)

    def names(self) -> set[str]:
        return {str(item.key) for item in self.bucket.objects.all()}


@pytest.fixture
def site(s3_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site.below(tmp_path, new_bucket(s3_address, "models", monkeypatch), monkeypatch)


def assert_interrupted_copies_are_passed_over_and_completed(site: Site) -> None:
    """What a copy that was interrupted has left appears nowhere, and the next copy completes it."""
    write_version(site.served, FIRST)
    assert site.up() == 0
    write_version(site.served, SECOND)
    site.put(f"{SECOND}/saved_model.pb", b"half")
    assert site.down() == 0
    assert {path.name for path in site.follower.iterdir()} == {str(FIRST), ".copying.lock"}
    assert (site.up(), site.down()) == (0, 0)
    assert content(site.follower) == content(site.served)
