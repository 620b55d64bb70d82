"""Only reports in the pipeline's folder are read."""

import errno
import os
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from airflow_bert_service.exceptions import ReportError
from airflow_bert_service.webui.report_files import read_report, report_page, report_uri
from botocore.exceptions import ClientError  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from tests.plugins.s3 import new_bucket, s3_address

__all__ = ["s3_address"]

PAGE = "<p>größer ✓".encode()
DAG = "bert_sentiment"


@pytest.fixture(name="root")
def pipeline_root(tmp_path: Path) -> Path:
    """The folder `pipeline`, with a report and another file; secrets are beside it."""
    folder = tmp_path / "pipeline" / "ExampleValidator" / "anomalies" / "7"
    folder.mkdir(parents=True)
    (folder / "report.html").write_bytes(PAGE)
    (folder / "SchemaDiff.pb").write_text("no page")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "report.html").write_text("secret")
    return tmp_path / "pipeline"


def test_a_report_is_in_its_artifacts_folder(root: Path) -> None:
    folder = root / "ExampleValidator" / "anomalies" / "7"
    assert report_uri(str(folder)) == report_uri(f"{folder}/") == str(folder / "report.html")
    assert read_report(report_uri(str(folder)), root, DAG) == PAGE


@pytest.mark.parametrize(
    "uri",
    [
        "/etc/passwd",
        "{root}/../secrets/report.html",
        "{root}/ExampleValidator/../../secrets/report.html",
        "{root}-other/report.html",
        "{root}/ExampleValidator/anomalies/7/SchemaDiff.pb",
        "{root}/ExampleValidator/anomalies/7/report.html/../SchemaDiff.pb",
        "{root}/ExampleValidator/anomalies/7",
        "{root}/report.html\0",
        "file://{root}/ExampleValidator/anomalies/7/report.html",
        "s3://bucket/report.html",
        "report.html",
        "",
    ],
)
def test_anything_else_is_refused(root: Path, uri: str) -> None:
    with pytest.raises(
        ReportError, match=r"is not shown; allowed: a report\.html in .*/pipeline\. Give the API server"
    ):
        read_report(uri.format(root=root), root, DAG)


@pytest.mark.parametrize("target", ["secrets/report.html", "pipeline/ExampleValidator/anomalies/7/SchemaDiff.pb"])
def test_a_link_is_followed_before_it_is_judged(root: Path, target: str) -> None:
    (root / "report.html").symlink_to(root.parent / target)
    with pytest.raises(ReportError, match="is not shown"):
        read_report(f"{root}/report.html", root, DAG)


def test_a_linked_folder_that_leads_out_is_refused(root: Path) -> None:
    (root / "linked").symlink_to(root.parent / "secrets")
    with pytest.raises(ReportError, match="is not shown"):
        read_report(f"{root}/linked/report.html", root, DAG)


def test_a_root_that_is_a_link_itself_is_one(root: Path) -> None:
    linked = root.parent / "linked"
    linked.symlink_to(root)
    assert read_report(f"{linked}/ExampleValidator/anomalies/7/report.html", linked, DAG) == PAGE


@pytest.mark.parametrize(
    ("pipeline", "dag", "is_read"),
    [
        ("bert_sentiment", "bert_sentiment", True),
        ("bert_sentiment", "bert_sentiment_retention", True),
        ("bert_sentiment", "tickets", False),
        ("tickets", "bert_sentiment", False),
        ("", "bert_sentiment", False),
        ("a&amp;b", "a&b", True),
    ],
)
def test_a_page_is_read_for_its_own_pipelines_dags(root: Path, pipeline: str, dag: str, is_read: bool) -> None:
    page = (
        f'<!doctype html><html><head><title>größer</title><meta name="pipeline" content="{pipeline}"></head>'.encode()
    )
    (root / "report.html").write_bytes(page)
    if is_read:
        assert read_report(f"{root}/report.html", root, dag) == page
    else:
        with pytest.raises(ReportError, match=rf"allowed: one of the pipeline of the DAG {dag}, and it is another"):
            read_report(f"{root}/report.html", root, dag)


def test_what_a_page_says_behind_its_head_is_not_its_pipeline(root: Path) -> None:
    page = "é".encode() * 1500 + b'<meta name="pipeline" content="tickets">'
    (root / "report.html").write_bytes(page)
    assert read_report(f"{root}/report.html", root, DAG) == page


def test_a_missing_report_is_missing(root: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_report(f"{root}/ExampleValidator/anomalies/8/report.html", root, DAG)


def test_what_would_block_the_server_is_not_opened(root: Path) -> None:
    os.mkfifo(root / "report.html")
    with pytest.raises(FileNotFoundError):
        read_report(f"{root}/report.html", root, DAG)


def test_the_page_of_a_report_is_below_airflows_own_address() -> None:
    run = "manual__2026-11-05T00:00:00+00:00"
    ids: Any = {"dag_id": "bert_sentiment", "run_id": run, "task_id": "ExampleValidator"}
    path = "/bert_service/reports/bert_sentiment/manual__2026-11-05T00%3A00%3A00%2B00%3A00/ExampleValidator"
    assert report_page("http://127.0.0.1:8080", **ids) == path
    assert report_page("", **ids) == path
    assert report_page("https://example.org/airflow/", **ids, map_index=3) == f"/airflow{path}?map_index=3"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_id_is_one_part_of_the_path(name: str) -> None:
    page = report_page("", dag_id=name, run_id=name, task_id=name)
    assert [unquote(part) for part in page.split("/")] == ["", "bert_service", "reports", name, name, name]


STORED_AS = "0123456789abcdef"


@pytest.fixture
def store(root: Path) -> str:
    """An artifact store that has the report of the folder; the folder has it no longer."""
    made, folder = root / "ExampleValidator" / "anomalies" / "7", root.with_name("store")
    shutil.copytree(made, folder / "ExampleValidator" / "anomalies" / "7" / STORED_AS)
    shutil.rmtree(root)
    return f"file://{folder}"


def test_a_report_of_the_artifact_store_is_read_where_the_store_is_today(root: Path, store: str) -> None:
    uri = f"{root}/ExampleValidator/anomalies/7/report.html"
    assert read_report(uri, root, DAG, store=store, stored_as=STORED_AS) == PAGE
    root.with_name("store").rename(root.with_name("moved"))
    assert read_report(uri, root, DAG, store=f"file://{root.parent}/moved", stored_as=STORED_AS) == PAGE
    with pytest.raises(FileNotFoundError):
        read_report(uri, root, DAG, store=store, stored_as=STORED_AS)


def test_a_report_is_read_on_the_disk_where_it_was_not_stored_or_there_is_no_store(root: Path) -> None:
    uri = f"{root}/ExampleValidator/anomalies/7/report.html"
    assert read_report(uri, root, DAG, store="s3://bucket/artifacts") == PAGE
    assert read_report(uri, root, DAG, stored_as=STORED_AS) == PAGE


@pytest.mark.parametrize(
    ("uri", "stored_as"),
    [
        ("{root}/../secrets/report.html", STORED_AS),
        ("{root}/ExampleValidator/anomalies/7/SchemaDiff.pb", STORED_AS),
        ("{root}-other/report.html", STORED_AS),
        ("{root}/*/report.html", STORED_AS),
        ("{root}/a?versionId=7/report.html", STORED_AS),
        ("{root}/ExampleValidator/anomalies/7/report.html", "../8"),
        ("{root}/ExampleValidator/anomalies/7/report.html", ".."),
        ("{root}/ExampleValidator/anomalies/7/report.html", "a\0"),
        ("{store}/ExampleValidator/anomalies/7/report.html", STORED_AS),
        ("file:///etc/report.html", STORED_AS),
        ("s3://bucket/report.html", STORED_AS),
        ("https://somebody:secret@example.org/report.html", STORED_AS),
        ("https://somebody:secret@example.org/report.html", ""),
        ("/etc/passwd", STORED_AS),
    ],
)
def test_nothing_else_of_the_store_is_asked(root: Path, store: str, uri: str, stored_as: str) -> None:
    with pytest.raises(ReportError, match=r"is not shown; allowed: a report\.html in .*\. Give") as error:
        read_report(uri.format(root=root, store=store), root, DAG, store=store, stored_as=stored_as)
    assert ":secret@" not in str(error.value)


def test_a_report_on_s3_is_read_with_the_credentials_of_the_environment(
    root: Path, s3_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = new_bucket(s3_address, "reports", monkeypatch)
    bucket.put_object(Key="bert/Trainer/model_run/7/abc/report.html", Body=PAGE)
    for name, value in {"ACCESS_KEY_ID": "user", "SECRET_ACCESS_KEY": "secret", "ENDPOINT_URL": s3_address}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    stored: Any = {"store": f"s3://{bucket.name}/bert", "stored_as": "abc"}
    assert read_report(f"{root}/Trainer/model_run/7/report.html", root, DAG, **stored) == PAGE
    with pytest.raises(FileNotFoundError) as missing:
        read_report(f"{root}/Trainer/model_run/8/report.html", root, DAG, **stored)
    assert str(missing.value.strerror).startswith("No such file or directory: ")


@pytest.mark.parametrize(
    ("code", "kind", "number"),
    [
        ("403", PermissionError, errno.EACCES),
        ("AccessDenied", PermissionError, errno.EACCES),
        ("502", OSError, errno.EIO),
    ],
)
def test_what_a_store_answers_is_told(
    root: Path, monkeypatch: pytest.MonkeyPatch, code: str, kind: type[OSError], number: int
) -> None:
    errors: Any = pytest.importorskip("s3fs.errors")
    answer = ClientError({"Error": {"Code": code, "Message": "these credentials may not"}}, "GetObject")

    def refuse(*_: Any) -> bytes:
        raise errors.translate_boto_error(answer)

    monkeypatch.setattr("fsspec.implementations.local.LocalFileSystem.cat_file", refuse)
    uri = f"{root}/Trainer/model_run/7/report.html"
    with pytest.raises(kind, match="these credentials may not") as told:
        read_report(uri, root, DAG, store=f"file://{root}", stored_as="abc")
    assert told.value.errno == number
    assert "these credentials may not" in str(told.value.strerror), "the page shows it"
