"""Rolling back and pinning from the page, by the very command that people type."""

import json
import shutil
import sqlite3
import sys
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from airflow_bert_service.promotion.events import PromotionEvent
from airflow_bert_service.promotion.ledger_reader import HistoryQuery, LedgerReader
from fastapi.testclient import TestClient
from httpx import Response

from tests.plugins.api_server import login
from tests.plugins.ledgers import PIPELINE, SeededState, seeded
from tests.plugins.models_pages import PAGE, pages_of, see, text_of

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("client")]

ORIGIN = "http://testserver"
OURS = {"Origin": ORIGIN}
FORM = {"version": "2026110401", "live": "2026110501", "reason": "it is rude", "confirm": "yes"}


@pytest.fixture(scope="module")
def ten_days(tmp_path_factory: pytest.TempPathFactory) -> SeededState:
    return seeded(tmp_path_factory.mktemp("ten-days"), days=10)


@pytest.fixture
def state(tmp_path: Path, ten_days: SeededState) -> SeededState:
    """A copy of ten days' state."""
    folder = tmp_path / "state"
    shutil.copytree(ten_days.folder, folder)
    return SeededState(folder, f"sqlite:///{folder}/ledger/ledger.db")


@pytest.fixture
def pages(state: SeededState) -> TestClient:
    """The pages of a server that has a TFX environment; this Python runs the promotion command as well."""
    return pages_of(state, tfx_python=sys.executable)


def newest(state: SeededState) -> PromotionEvent:
    with LedgerReader(state.ledger, PIPELINE).open() as ledger:
        return ledger.history(HistoryQuery()).events[0]


def send(
    pages: TestClient,
    path: str = "roll-back",
    form: Mapping[str, str] = FORM,
    role: str | None = "user",
    **headers: str,
) -> Response:
    """Send a form as a browser does that is logged in by its cookie."""
    token = login(role)["Authorization"].removeprefix("Bearer ")
    sent = {"Cookie": f"_token={token}", **(headers or OURS)}
    answer: Response = pages.post(PAGE + path, data=dict(form), headers=sent, follow_redirects=False)
    return answer


def test_a_user_who_may_edit_the_dag_rolls_back_and_is_named_in_the_ledger(
    pages: TestClient, state: SeededState
) -> None:
    assert '<a class="button" href="roll-back">' in see(pages, role="user")
    asked = see(pages, "roll-back?version=2026110401", role="user")
    assert 'name="version" value="2026110401" required checked>' in asked
    assert "2026110401 , data 2026-10-22 to 2026-11-04, left by a rollback" in text_of(asked)

    answer = send(pages)

    assert (answer.status_code, answer.headers["location"]) == (303, "versions/2026110401")
    event = newest(state)
    assert (event.title, event.actor, event.champion) == ("rolled back to 2026110401", "anna", 2026110501)
    assert event.reason == "from 2026110501 to 2026110401: it is rude"
    assert event.run_id is None
    assert sorted(path.name for path in state.models.iterdir() if path.name.isdecimal())[-1] == "2026110401"
    assert "Version 2026110401 In service" in text_of(see(pages, "versions/2026110401"))
    # Beside the champion of the time when it was judged stands the one that it has replaced now.
    live = text_of(see(pages))
    assert "2026110301, the champion then 2026110501, when it was judged" in live
    assert "sample-v1 400 0.920 0.908 0.930 0.980 0.163 no difference" in live


def test_the_channels_are_told_of_a_rollback(state: SeededState, tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    given = {"path": str(told), "text": "{{ promotion.line }}"}
    channel = {"notifier": {"class": "tests.plugins.own_notifier.FileNotifierWithoutRun", "kwargs": given}}
    send(pages_of(state, tfx_python=sys.executable, notifications=json.dumps([channel])))
    assert "rolled back to 2026110401: from 2026110501 to 2026110401: it is rude" in told.read_text()


def test_a_form_that_is_sent_twice_rolls_back_once(pages: TestClient, state: SeededState) -> None:
    first, position = send(pages), newest(state).position
    second = send(pages)
    assert (first.status_code, second.status_code) == (303, 409)
    assert "nothing was changed: 2026110401 went into service since you opened this page" in text_of(second.text)
    assert newest(state).position == position


def test_of_two_who_roll_back_at_the_same_moment_one_is_told_to_look_again(
    pages: TestClient, state: SeededState
) -> None:
    """Whoever waits keeps one of the few threads that answer all of Airflow's requests."""
    forms = [{**FORM, "version": version} for version in ("2026110401", "2026110301")]
    with ThreadPoolExecutor(2) as threads, closing(sqlite3.connect(state.file, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")  # as a promotion that is under way
        sent = [threads.submit(send, pages, form=form) for form in forms]
        (refused,), _ = wait(sent, 30, return_when=FIRST_COMPLETED)
        assert "nothing was changed: another change is being carried out" in text_of(refused.result().text)
        writer.execute("ROLLBACK")
    assert sorted(answer.result().status_code for answer in sent) == [303, 409]


def test_a_channel_that_was_not_notified_is_told_when_the_version_is_in_service(
    state: SeededState,
) -> None:
    channel = {"notifier": {"class": "tests.plugins.own_notifier.Missing", "kwargs": {}}}
    pages = pages_of(state, tfx_python=sys.executable, notifications=json.dumps([channel]))
    answer = send(pages)
    assert answer.status_code == 409
    assert "2026110401 is in service, but these channels were not notified" in text_of(answer.text)
    # What is refused is told, although the first message still cannot be sent.
    again = send(pages, form={**FORM, "live": "2026110401"})
    assert "version 2026110401 is in service already" in text_of(again.text)


def test_a_version_is_pinned_and_unpinned(pages: TestClient, state: SeededState) -> None:
    page = "versions/2026110301"
    assert send(pages, f"{page}/pin", {"reason": "the team looks at it"}).headers["location"] == "../2026110301"
    event = newest(state)
    assert (event.title, event.reason, event.actor) == ("pinned 2026110301", "the team looks at it", "anna")
    assert "Not in service · pinned" in text_of(see(pages, page))
    assert send(pages, f"{page}/unpin", {"reason": "done"}).status_code == 303
    assert "· pinned" not in text_of(see(pages, page))
    unknown = send(pages, "versions/2026110399/pin", {"reason": "the team looks at it"})
    assert unknown.status_code == 409
    assert "version 2026110399 was never in service; were: " in unknown.text


@pytest.mark.parametrize("path", ["roll-back", "versions/2026110301/pin", "versions/2026110301/unpin"])
@pytest.mark.parametrize("role", ["viewer", None])
def test_nobody_else_changes_anything(pages: TestClient, state: SeededState, path: str, role: str | None) -> None:
    before = newest(state)
    assert send(pages, path, role=role).status_code == 403
    assert pages.post(PAGE + path, data=FORM, headers=OURS).status_code == 401
    assert newest(state) == before


def test_a_user_who_may_only_read_is_shown_no_button(pages: TestClient) -> None:
    assert "roll-back" not in see(pages)
    assert "<form method=" not in see(pages, "versions/2026110301")
    assert pages.get(f"{PAGE}roll-back", headers=login("viewer")).status_code == 403


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Sec-Fetch-Site": "cross-site", "Origin": ORIGIN}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": ORIGIN}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "null", "Host": ""}, 403),
        ({"Origin": "http://["}, 403),
        ({"Origin": f"{ORIGIN}:8080"}, 403),
        ({"Origin": f"{ORIGIN}.evil.example"}, 403),
        ({"Referer": f"{ORIGIN}{PAGE}"}, 403),
        ({"Authorization": "Basic YW5uYTphbm5h"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://proxied.example"}, 303),
        (OURS, 303),
    ],
    ids=str,
)
def test_a_page_of_another_site_changes_nothing(
    pages: TestClient, state: SeededState, headers: dict[str, str], code: int
) -> None:
    before = newest(state)
    answer = send(pages, "versions/2026110301/pin", {"reason": "why"}, **headers)
    assert answer.status_code == code
    assert (newest(state) == before) == (code == 403)


def test_a_program_with_a_token_needs_no_origin(pages: TestClient) -> None:
    answer = pages.post(
        f"{PAGE}versions/2026110301/pin", data={"reason": "why"}, headers=login("admin"), follow_redirects=False
    )
    assert answer.status_code == 303


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"reason": "   "}, "reason has 0 characters; allowed: 1 to 500"),
        ({"reason": "x" * 501}, "reason has 501 characters"),
        ({"reason": "a\0b"}, "that can be printed"),
        ({"version": "--to=1"}, "version is '--to=1'; allowed: a whole number"),
        ({"version": ""}, "version is ''; allowed"),
        ({"live": ""}, "live is ''; allowed"),
        ({"confirm": ""}, "confirm is missing; tick the box"),
    ],
    ids=str,
)
def test_a_form_with_a_wrong_field_changes_nothing(
    pages: TestClient, state: SeededState, change: dict[str, str], told: str
) -> None:
    before = newest(state)
    answer = send(pages, form={**FORM, **change})
    assert answer.status_code == 422
    assert told in answer.text
    assert newest(state) == before


def test_what_the_command_refuses_is_told_on_the_page_with_the_form_as_it_was(pages: TestClient) -> None:
    answer = send(pages, form={**FORM, "version": "2026110501", "reason": "<b>why"})
    assert answer.status_code == 409
    assert "version 2026110501 is in service already; were: " in text_of(answer.text)
    assert 'value="&lt;b&gt;why"' in answer.text


def test_a_server_without_a_tfx_environment_names_the_dag_that_rolls_back(state: SeededState) -> None:
    pages = pages_of(state, tfx_python="/missing/python")
    asked = see(pages, "roll-back", role="user")
    assert 'href="../../dags/bert_sentiment_rollback">' in asked
    assert "<form" not in asked
    answer = send(pages)
    assert answer.status_code == 409
    assert "/missing/python" in json.dumps(answer.text)


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [("{}", "application/json", 415), ("reason=" + "x" * 20_000, "application/x-www-form-urlencoded", 413)],
)
def test_what_is_no_form_or_too_large_is_refused(pages: TestClient, body: str, kind: str, code: int) -> None:
    answer: Any = pages.post(
        f"{PAGE}roll-back", content=body, headers={**login("admin"), "Content-Type": kind}, follow_redirects=False
    )
    assert answer.status_code == code
