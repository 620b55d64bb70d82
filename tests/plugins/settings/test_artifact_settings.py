"""Where artifacts are kept: on disks, or on a store with copies on disks."""

from pathlib import Path

import pytest
from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.settings.settings import settings_from


def test_without_settings_artifacts_are_below_the_state_folder_alone() -> None:
    settings = settings_from({"root": "/srv/bert", "state": "state"})
    assert (settings.artifacts.artifact_store, settings.pipeline_root) == ("", Path("/srv/bert/state/pipeline"))
    assert settings.artifacts.copies_gb == 0, "what is nowhere else is not removed as a copy"


@pytest.mark.parametrize("store", ["s3://bucket/bert/artifacts", "gs://bucket/a", "s3://bucket/.a/..b/day=1"])
def test_a_store_leaves_copies_in_the_folder(store: str) -> None:
    settings = settings_from({"artifact_store": store, "artifact_folder": "/scratch/bert"})
    assert (settings.artifacts.artifact_store, settings.pipeline_root) == (store, Path("/scratch/bert"))
    assert settings.artifacts.copies_gb == 20


@pytest.mark.parametrize(
    "store",
    [
        "s3://key:secret@bucket/a",
        "s3://bucket/a?key=secret",
        "s3://bucket/a#secret",
        "https://host/secret",
        "/secret",
        "s3://",
        "s3://bucket",
        "s3://bucket/",
        "s3://bucket//a",
        "s3://bucket/../secret",
        "s3://bucket/a/./b",
        "file:///mnt/bucket",
    ],
)
def test_what_is_no_address_of_a_store_is_refused_and_not_repeated(store: str) -> None:
    with pytest.raises(SettingsError, match=r"artifact_store is no such address; allowed: s3://BUCKET/FOLDER") as error:
        settings_from({"artifact_store": store})
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("key", ["state", "artifact_folder", "holdout"])
def test_what_needs_a_disk_is_refused_on_a_store_as_before(key: str) -> None:
    with pytest.raises(SettingsError, match=rf"{key} is 's3://bucket/x'; allowed: a path of a disk that is mounted"):
        settings_from({key: "s3://bucket/x"})
