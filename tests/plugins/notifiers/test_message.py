"""The text of a promotion message, and its signature."""

from typing import Any

import pytest
from airflow_bert_service.notifiers.message import message_of
from airflow_bert_service.notifiers.webhook_signature import is_signed, sign
from hypothesis import given
from hypothesis import strategies as st

from tests.plugins.promotions import event, rolled_back

LINKS = {"Run": "https://airflow.example.org/dags/bert_sentiment/runs/manual__2026-11-05"}


def test_a_message_has_the_numbers_against_the_champion() -> None:
    message = message_of(event(), LINKS)
    assert message.title == "bert_sentiment: promoted 2026110501, data date 2026-11-05"
    assert message.text.splitlines() == [
        "promoted 2026110501: accuracy 0.910 > 0.874 of 2026110401 on sample-v1, p = 0.012",
        "",
        "Version: 2026110501",
        "In service before: 2026110401",
        "Data: 2026-10-23 to 2026-11-05",
        "Run id: manual__2026-11-05T00:00:00+00:00",
        "Decided: 2026-11-25 17:53:25 UTC, anna",
        "Measured on sample-v1: accuracy 0.910, champion 0.874, p = 0.012, n = 400: better",
        "Model: 91.0 MB, 12.3 ms a request",
        f"Run: {LINKS['Run']}",
    ]


def test_the_html_says_the_same_and_carries_no_markup_of_others() -> None:
    page = message_of(event(reason='<img src="x"> & more'), LINKS).html
    assert "&lt;img src=&quot;x&quot;&gt; &amp; more" in page
    assert "<td>accuracy 0.910, champion 0.874, p = 0.012, n = 400: better</td>" in page
    assert f'<a href="{LINKS["Run"]}">Run</a>' in page


def test_a_rollback_has_no_run_and_no_data() -> None:
    message = message_of(rolled_back(), {})
    assert message.title == "rolled back to 2026110401"
    assert message.text.splitlines()[:4] == [
        "rolled back to 2026110401: answers are slow",
        "",
        "Version: 2026110401",
        "In service before: 2026110501",
    ]


def test_a_first_model_has_no_champion_to_be_compared_with() -> None:
    first = {"sets": [{"name": "sample-v1", "accuracy": 0.9, "champion_accuracy": None}]}
    message = message_of(event(champion=None, metrics=first), {}).text
    assert "Measured on sample-v1: accuracy 0.900\n" in f"{message}\n"
    assert "In service before" not in message


def test_of_label_sets_the_exact_match_is_told() -> None:
    measured = {"name": "own-v1", "accuracy": 0.75, "champion_accuracy": 0.5, "measure": "exact match"}
    assert (
        "Measured on own-v1: exact match 0.750, champion 0.500"
        in message_of(event(metrics={"sets": [measured]}), {}).text
    )


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
MEASURED = st.dictionaries(
    st.sampled_from(["name", "n", "accuracy", "champion_accuracy", "p", "verdict", "measure"]), JSON
)
METRICS = st.dictionaries(st.sampled_from(["sets", "bytes", "latency_ms"]), JSON | st.lists(MEASURED, max_size=3))


@given(METRICS)
def test_any_of_the_measures_may_be_missing_or_of_another_form(metrics: dict[str, Any]) -> None:
    assert message_of(event(metrics=metrics), {}).text.startswith(event().line)


# Signature

BODY, SECRET, AT = b'{"event": "promotion"}', "sesame", 1795629205


def test_a_signature_that_other_programs_can_check() -> None:
    # printf '1795629205.{"event": "promotion"}' | openssl dgst -sha256 -hmac sesame
    digest = "4e5390f7699476d6760af6eb5e83feb51f754f7672758e80e56089e1b17b4a96"
    assert sign(BODY, SECRET, at=AT) == f"t={AT},v1={digest}"


@given(st.binary(), st.text(), st.integers(0, 2**40))
def test_what_is_signed_verifies_for_five_minutes(body: bytes, secret: str, at: int) -> None:
    header = sign(body, secret, at=at)
    assert is_signed(header, body, secret, now=at)
    assert is_signed(header, body, secret, now=at + 300)
    assert not is_signed(header, body, secret, now=at + 301)
    assert not is_signed(header, body + b" ", secret, now=at)
    assert not is_signed(header, body, secret + "!", now=at)


@pytest.mark.parametrize("header", ["", "v1=", f"t={AT}", "t=now,v1=0", f"t={AT},v1=größer", "t=²,v1=0"])
def test_no_signature(header: str) -> None:
    assert not is_signed(header, BODY, SECRET, now=AT)
