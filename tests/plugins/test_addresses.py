"""Credentials in addresses are in no message, whatever signs they have."""

import logging
import string

import pytest
from airflow_bert_service.addresses import quiet_libraries, without_credentials
from airflow_bert_service.exceptions import FeedError, SettingsError
from hypothesis import given
from hypothesis import strategies as st

SECRET = "S3CRET"
SIGNS = st.text(string.ascii_letters + string.punctuation + "äß€", max_size=6)
WORDS = st.text(string.ascii_lowercase + " .,:;'\"()", max_size=12)
SCHEMES = st.sampled_from(["http", "https", "ftp", "s3", "sftp", "HTTP", "simplecache::https", "postgresql+psycopg2"])
HOSTS = st.sampled_from(["example.org", "example.org:8080", "[2001:db8::1]:80", "127.0.0.1"])
PATHS = st.sampled_from(["", "/", "/reviews/2026-11-05.csv", "/a/b/*.jsonl.gz"])


@given(SCHEMES, SIGNS, SIGNS, SIGNS, HOSTS, PATHS, WORDS, WORDS)
def test_passwords_are_hidden_with_whatever_signs_they_have(
    scheme: str, user: str, before: str, after: str, host: str, path: str, left: str, right: str
) -> None:
    password = f"x{before}{SECRET}{after}"
    shown = without_credentials(f"{left} {scheme}://{user}:{password}@{host}{path} {right}")

    assert SECRET not in shown
    assert shown.startswith(left)


@given(SCHEMES, SIGNS, HOSTS, PATHS, WORDS)
def test_names_and_tokens_before_the_host_are_hidden(scheme: str, sign: str, host: str, path: str, left: str) -> None:
    token = SECRET + "".join(set(sign) - set("/?#"))

    assert SECRET not in without_credentials(f"{left} '{scheme}://{token}@{host}{path}'")


@given(SCHEMES, HOSTS, PATHS, SIGNS, SIGNS, st.sampled_from("?#"), WORDS)
def test_queries_and_fragments_are_hidden_and_the_place_is_shown(
    scheme: str, host: str, path: str, before: str, after: str, mark: str, right: str
) -> None:
    shown = without_credentials(f"at {scheme}://{host}{path}{mark}{before.replace('@', '')}{SECRET}{after} {right}")

    assert SECRET not in shown
    if "@" not in after:
        assert f"{scheme}://{host}{path}{mark}*** {right}" in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://user:my pass@host/x is down", "http://***@host/x is down"),
        ("http://user:p@ss@host/x", "http://***@host/x"),
        ("http://user:pa/ss?x#y@host/x", "http://***@host/x"),
        ("zip://a.csv::http://u:p@host/x?token=1", "zip://***@host/x?***"),
        ("see https://host/x, or http://other:8501/y.", "see https://host/x, or http://other:8501/y."),
        ("s3://bucket/reviews/a@b.csv, row 3", "s3://bucket/reviews/a@b.csv, row 3"),
        ("postgresql://user:password@host:port/name", "postgresql://user:password@host:port/name"),
        ("a file /data/x@y?.csv and no address: a@b", "a file /data/x@y?.csv and no address: a@b"),
        ("http://[::1]:8501/v1", "http://[::1]:8501/v1"),
        ("http://host:8501: refused, ask a@b", "http://host:8501: refused, ask a@b"),
        ("one http://u:p@a/ two http://u:p@b/", "one http://***@a/ two http://***@b/"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert without_credentials(text) == shown


@pytest.mark.parametrize("kind", [FeedError, SettingsError])
def test_errors_hide_credentials_in_their_messages(kind: type[Exception]) -> None:
    assert SECRET not in str(kind(f"ftp://user:{SECRET}@host/x cannot be read"))


@pytest.mark.parametrize(
    ("library", "message"),
    [
        ("httpx", f'HTTP Request: GET https://user:{SECRET}@host/x?t={SECRET} "HTTP/1.1 200 OK"'),
        ("urllib3.connectionpool", f'https://host:443 "GET /x?token={SECRET} HTTP/1.1" 200 5'),
    ],
)
def test_libraries_log_no_credentials_while_a_feed_reads(
    caplog: pytest.LogCaptureFixture, library: str, message: str
) -> None:
    caplog.set_level(logging.DEBUG)
    with quiet_libraries([f"here.{library}"]):
        logging.getLogger(f"here.{library}").info("%s", message)

    assert SECRET not in caplog.text
    assert "host" in caplog.text
