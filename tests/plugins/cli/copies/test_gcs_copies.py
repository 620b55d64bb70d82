"""Versions of a model on Google Cloud Storage: copied to it and from it, as to and from S3."""

import shutil
from pathlib import Path

import pytest
from airflow_bert_service.cli.copies.copy_models import main
from airflow_bert_service.cli.copies.manifest import PLACE
from airflow_bert_service.exceptions import ModelCopyError

from tests.plugins.cli.copies.copies_site import (
    FIRST,
    SECOND,
    Site,
    assert_interrupted_copies_are_passed_over_and_completed,
    content,
    write_version,
)
from tests.plugins.gcs import gcs_address, needs_provider, new_gcs_bucket

__all__ = ["gcs_address"]
pytestmark = needs_provider
FOLDER = "models/bert_sentiment"


class GcsSite(Site):
    """A site whose bucket is Google's."""

    CONN_ID = "models_gcs"

    @property
    def address(self) -> str:
        return f"gs://{self.bucket.name}/{FOLDER}"

    def put(self, name: str, body: bytes) -> None:
        self.bucket.blob(f"{FOLDER}/{name}").upload_from_string(body)

    def names(self) -> set[str]:
        return {blob.name.removeprefix(f"{FOLDER}/") for blob in self.bucket.list_blobs()}


@pytest.fixture
def site(gcs_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GcsSite:
    return GcsSite.below(tmp_path, new_gcs_bucket(gcs_address, "models", monkeypatch), monkeypatch)


def test_versions_go_to_the_store_and_from_there_to_a_folder_and_rollbacks_follow(site: GcsSite) -> None:
    for version in (FIRST, SECOND):
        write_version(site.served, version)
    assert (site.up(), site.down()) == (0, 0)
    assert {f"{FIRST}/saved_model.pb", f"{SECOND}/{PLACE}", ".copies.json"} <= site.names()
    assert content(site.follower) == content(site.served)
    assert (site.up(), site.down()) == (0, 0)  # nothing is left to do

    shutil.rmtree(site.served / str(SECOND))
    assert (site.up(), site.down()) == (0, 0)
    assert not [name for name in site.names() if name.startswith(f"{SECOND}/")]
    assert content(site.follower) == content(site.served)


def test_a_copy_that_lacks_a_file_is_mended(site: GcsSite) -> None:
    write_version(site.served, FIRST)
    assert site.up() == 0
    site.bucket.blob(f"{FOLDER}/{FIRST}/saved_model.pb").delete()
    site.put(f"{FIRST}/assets/vocab.txt", b"half")
    with pytest.raises(ModelCopyError, match=rf"version {FIRST} at gs://.*"):
        site.down()
    assert (site.up(), site.down()) == (0, 0)
    assert content(site.follower) == content(site.served)


def test_an_interrupted_copy_is_passed_over_and_completed(site: GcsSite) -> None:
    assert_interrupted_copies_are_passed_over_and_completed(site)


def test_an_address_that_has_something_else_keeps_it(site: GcsSite) -> None:
    write_version(site.served, FIRST)
    site.put("20261105/reviews.csv", b"text,label\n")
    with pytest.raises(ModelCopyError, match=r"has folders with numbers, like 20261105, and no \.copies\.json"):
        site.up()
    assert site.names() == {"20261105/reviews.csv"}


def test_a_bucket_that_is_not_there_is_told(site: GcsSite) -> None:
    write_version(site.served, FIRST)
    with pytest.raises(ModelCopyError, match=r"gs://no-such-bucket/models cannot be used: .*"):
        main(["--to", "gs://no-such-bucket/models", "--conn-id", "models_gcs"])
