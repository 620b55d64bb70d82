"""A version's own page: what it was made of, how it did, what was decided about it, and its files."""

import json
import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.plugins.api_server import login, only_reading_dags
from tests.plugins.ledgers import SeededState, odd_event, seeded
from tests.plugins.models_pages import PAGE, pages_of, see, text_of

pytestmark = pytest.mark.slow


def test_it_tells_from_which_days_by_which_run_the_version_came(client: TestClient) -> None:
    html = see(client, "versions/2026110501")
    text = text_of(html)
    assert "Version 2026110501 In service promoted : accuracy 0.930 on sample-v1" in text
    assert "14 days of reviews: 2026-10-23 to 2026-11-05 run scheduled__2026-11-06T00:00:00+00:00" in text
    assert 'href="../../../dags/bert_sentiment/runs/scheduled__2026-11-06T00%3A00%3A00%2B00%3A00"' in html
    assert 'href="../versions/2026110301"' in html


def test_it_has_the_measurements_beside_the_champions_and_by_slice(client: TestClient) -> None:
    text = text_of(see(client, "versions/2026110501"))
    assert "sample-v1 400 0.930 0.918 0.990 0.163 no difference" in text
    assert "Only 2026110501 Only 2026110301 sample-v1 21 12 the eval split 21 12" in text
    assert "Slices of sample-v1 Slice Count Accuracy short 133 0.930 long 267 0.930" in text


def test_it_names_the_engine_and_the_precision_that_the_version_was_scored_with(client: TestClient) -> None:
    assert "Scored with OpenVINO (int8)" in text_of(see(client, "versions/2026110501"))


def test_it_tells_the_time_of_training_and_the_rejected_rows(client: TestClient) -> None:
    text = text_of(see(client, "versions/2026110501"))
    assert re.search(
        r"Time for a review 1[1-5]\.\d ms Time of training 1[5-9]\.\d min Rejected rows \d\.\d\d% of the", text
    )


def test_it_has_the_model_for_tflite_beside_the_saved_model(client: TestClient) -> None:
    text = text_of(see(client, "versions/2026110501"))
    assert "On 400 reviews of sample-v1, one at a time, from WordPieces to scores." in text
    assert "TFLite (int8) 0.926 14.2 ms 23.1 MB SavedModel 0.928 48.7 ms 92.4 MB" in text


def test_it_lists_what_was_decided_about_it(client: TestClient) -> None:
    text = text_of(see(client, "versions/2026110401"))
    assert "Version 2026110401 Not in service" in text
    decided = text.partition("Decisions about it")[2]
    assert "rolled back 2026110301 from 2026110401 to 2026110301: it calls everything positive berta" in decided
    assert "Folder withdrawn" in text
    pinned = text_of(see(client, "versions/2026103001"))
    assert "Not in service \u00b7 pinned" in pinned
    assert "Not listed: it has no folder in" in pinned


def test_it_lists_the_files_with_their_digests(client: TestClient, year: SeededState) -> None:
    html = see(client, "versions/2026110501")
    assert 'variables/variables.index</code></td><td class="number">19</td>' in html
    assert "which is not the one that was promoted" not in html
    manifest = year.models / "2026110501" / "assets.extra" / "manifest.json"
    before = manifest.read_text()
    manifest.write_text(before.replace('"digest": "', '"digest": "0'))
    try:
        assert "which is not the one that was promoted" in see(client, "versions/2026110501")
        manifest.write_text("{}")
        assert "Not listed: assets.extra/manifest.json cannot be read" in text_of(see(client, "versions/2026110501"))
    finally:
        manifest.write_text(before)


def test_it_leads_to_the_version_s_model_card_where_there_is_one(client: TestClient, year: SeededState) -> None:
    card = year.models.with_name(f"{year.models.name}.cards") / "2026110501.html"
    assert "Model card" not in see(client, "versions/2026110501")
    missing = client.get(f"{PAGE}versions/2026110501/card", headers=login("viewer"))
    assert (missing.status_code, "has no model card" in missing.text) == (404, True)
    card.parent.mkdir()
    card.write_text("<!DOCTYPE html><title>Model card of größer</title>", encoding="utf-8")
    try:
        assert '<a href="2026110501/card">' in see(client, "versions/2026110501")
        answer = client.get(f"{PAGE}versions/2026110501/card", headers=login("viewer"))
        assert answer.text == card.read_text(encoding="utf-8")
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "style-src 'unsafe-inline'" in policy
        assert policy.endswith("frame-ancestors 'self'; sandbox")
        assert client.get(f"{PAGE}versions/2026110501/card").status_code == 401
        assert client.get(f"{PAGE}versions/2026110501/card", headers=login(None)).status_code == 403
        with only_reading_dags():  # as of reports, which are in it
            assert client.get(f"{PAGE}versions/2026110501/card", headers=login("viewer")).status_code == 403
            assert "Model card" not in see(client, "versions/2026110501")
    finally:
        card.unlink()
        card.parent.rmdir()


@pytest.mark.parametrize(("path", "code"), [("2026110502", 404), ("0", 422), ("x", 422), ("..%2f..%2fetc", 404)])
def test_a_version_that_never_was_is_not_found(client: TestClient, path: str, code: int) -> None:
    assert client.get(f"{PAGE}versions/{path}", headers=login("viewer")).status_code == code


def test_only_users_who_may_read_the_dag_see_it(client: TestClient) -> None:
    answers = [client.get(f"{PAGE}versions/2026110501", headers=headers) for headers in ({}, login(None))]
    assert [answer.status_code for answer in answers] == [401, 403]


def test_it_names_who_has_approved_it_and_their_words_as_text(client: TestClient, tmp_path: Path) -> None:
    assert "Approved" not in text_of(see(client, "versions/2026110501"))
    state = seeded(tmp_path, days=3)
    answer = {"decision": "approved", "by": "anna", "at": "2026-11-06T09:12:30+00:00", "comment": "reads <b>well</b>"}
    odd_event(state, kind="promoted", version="2026110509", metrics=json.dumps({"approval": answer}))
    html = pages_of(state).get(f"{PAGE}versions/2026110509", headers=login("viewer")).text
    assert "<dt>Approved</dt><dd>2026-11-06 09:12 UTC, by anna: reads &lt;b&gt;well&lt;/b&gt;</dd>" in html
    assert "TFLite" not in html, "this one carries none"


def test_of_label_sets_the_pages_say_exact_match(client: TestClient, tmp_path: Path) -> None:
    del client
    state = seeded(tmp_path, days=3)
    slices = {"length=short": {"n": 90, "accuracy": 0.7}}
    found = {"name": "own-v1", "n": 96, "accuracy": 0.75, "measure": "exact match", "slices": slices}
    odd_event(state, kind="promoted", version="2026110509", metrics=json.dumps({"sets": [found]}))
    pages = pages_of(state)
    version = text_of(see(pages, "versions/2026110509"))
    assert "Reviews Count Exact match" in version
    assert "Slices of own-v1 Slice Count Exact match length=short 90 0.700" in version
    live = text_of(see(pages))
    assert "Reviews Count Exact match" in live
    assert "Over data dates: Exact match , Size and speed" in live
    curves = text_of(see(pages, "curves"))
    assert "Exact match over data dates" in curves
    assert "the 95 % interval of their exact match" in curves
    assert "Version Exact match 95 % interval" in curves
