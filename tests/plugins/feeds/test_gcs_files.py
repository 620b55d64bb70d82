"""Reviews in files by date on Google Cloud Storage: a stand-in for it runs here (``tests/plugins/gcs.py``)."""

import gzip
from importlib.util import find_spec
from typing import Any

import pytest
from airflow_bert_service.exceptions import FeedError, MissingDayError

from tests.plugins.feeds.test_dated_files import DAY, HEADER, feed, read
from tests.plugins.gcs import gcs_address, needs_provider, new_gcs_bucket

__all__ = ["gcs_address"]


@pytest.fixture
def bucket(gcs_address: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A new bucket, and the Airflow connection `reviews_gcs` to the store that has it."""
    return new_gcs_bucket(gcs_address, "reviews", monkeypatch)


@needs_provider
def test_a_day_on_cloud_storage_comes_in_and_is_corrected(bucket: Any) -> None:
    pattern = f"gs://{bucket.name}/dt={{date}}/*.csv"
    with pytest.raises(MissingDayError, match=rf"there is no file gs://{bucket.name}/dt=2026-11-05/\*\.csv"):
        read(pattern, files_conn_id="reviews_gcs")
    bucket.blob("dt=2026-11-05/a.csv").upload_from_string(HEADER + "1,Warm.,pos\n")
    bucket.blob("dt=2026-11-06/a.csv").upload_from_string(HEADER + "9,Other.,pos\n")
    [row] = read(pattern, files_conn_id="reviews_gcs")
    assert (row.id, row.where) == ("1", f"gs://reviews_gcs@{bucket.name}/dt=2026-11-05/a.csv, row 1")
    bucket.blob("dt=2026-11-05/a.csv").upload_from_string(HEADER + "1,Warm.,pos\n2,Dull.,neg\n")
    assert [row.id for row in read(pattern, files_conn_id="reviews_gcs")] == ["1", "2"]


@needs_provider
def test_a_zipped_file_of_each_day_needs_no_wildcard(bucket: Any) -> None:
    zipped = gzip.compress((HEADER + "1,Warm.,positive\n").encode())
    bucket.blob(f"reviews/{DAY}.csv.gz").upload_from_string(zipped, content_type="application/octet-stream")
    found = feed(f"gs://{bucket.name}/reviews/{{date}}.csv.gz", files_conn_id="reviews_gcs")
    assert [row.text for row in found.delivered(DAY)] == ["Warm."]


@needs_provider
@pytest.mark.usefixtures("bucket")
def test_a_bucket_that_is_not_there() -> None:
    with pytest.raises(FeedError, match=r"gs://nowhere-at-all/2026-11-05\.csv"):
        read("gs://nowhere-at-all/{date}.csv", files_conn_id="reviews_gcs")


@pytest.mark.skipif(find_spec("airflow.providers.google") is not None, reason="the provider package is installed")
def test_without_the_provider_package_the_error_names_it() -> None:
    with pytest.raises(FeedError, match=r"gs://reviews/2026-11-05\.csv .*apache-airflow-providers-google for gs://"):
        read("gs://reviews/{date}.csv")
