"""The page *Models* in Airflow's real API server, with a ledger of a year that the TFX side's code has written."""

import re
import time
from html import escape
from pathlib import Path
from urllib.parse import quote

import pytest
from airflow_bert_service.promotion.ledger_reader import PAGE_SIZE
from fastapi.testclient import TestClient

from tests.plugins.api_server import login
from tests.plugins.ledgers import SeededState, hostile_event, multiply, seeded
from tests.plugins.models_pages import PAGE, SERVED, pages_of, see, text_of
from tests.support.loopback import HOST

pytestmark = pytest.mark.slow


def test_it_says_what_is_in_service_since_when_and_why(client: TestClient) -> None:
    text = text_of(see(client))
    assert "Models of bert_sentiment In service 2026110501 promoted : accuracy 0.930 on sample-v1" in text
    assert "Since 2026-11-06 00:12 UTC, by scheduled Data 2026-10-23 to 2026-11-05" in text
    assert "sample-v1 400 0.930 0.918 0.990 0.163 no difference" in text
    assert "Before 2026110301" in text


def test_servers_are_asked_and_their_answers_are_compared_with_the_ledger(client: TestClient) -> None:
    text = text_of(see(client))
    assert f"serves {SERVED}, and not 2026110501 {SERVED} AVAILABLE" in text
    assert f"http://{HOST}:1/v1/models/bert_sentiment does not say what it serves: no answer (Connection" in text


def test_the_history_is_filtered_searched_and_ordered(client: TestClient) -> None:
    blocked = see(client, "?kind=blocked")
    assert set(re.findall(r'<span class="kind \w+">([^<]*)</span>', blocked.partition('id="history"')[2])) == {
        "blocked"
    }
    assert "calls everything positive" in text_of(see(client, "?kind=rolled_back&q=EVERYTHING"))
    assert "No decision is like that." in text_of(see(client, "?q=nobody+wrote+this"))
    assert 'href="./?kind=blocked&amp;q=sample&amp;by=date&amp;page=2"' in see(client, "?kind=blocked&q=sample&by=date")
    dates = re.findall(r'data-label="Data date">(\S*)<', see(client, "?by=date&page=3"))
    assert dates == sorted(dates, reverse=True)
    assert len(dates) == PAGE_SIZE


@pytest.mark.parametrize("path", ["?kind=nonsense", "?by=size", "?page=0", "?page=x", f"?q={'x' * 251}", "?q=a%00b"])
def test_an_address_that_means_nothing_is_refused_with_what_is_allowed(client: TestClient, path: str) -> None:
    answer = client.get(PAGE + path, headers=login("viewer"))
    assert answer.status_code == 422
    assert answer.text.startswith("query.")


@pytest.mark.parametrize(
    ("method", "path", "code", "text"),
    [
        ("GET", "nothing", 404, "Not Found\n"),
        ("GET", "curves/", 404, "Not Found\n"),  # no redirect: it would name the host that a proxy asks for
        ("PUT", "", 405, "Method Not Allowed\n"),
        ("GET", "versions/2026110501/pin", 405, "Method Not Allowed\n"),
    ],
)
def test_an_address_or_a_method_that_there_is_not_is_refused(
    client: TestClient, method: str, path: str, code: int, text: str
) -> None:
    answer = client.request(method, PAGE + path, headers=login("admin"), follow_redirects=False)
    assert (answer.status_code, answer.text) == (code, text)


def test_a_run_is_linked_below_whatever_base_path_airflow_has(client: TestClient) -> None:
    link = "../../dags/bert_sentiment/runs/scheduled__2026-11-06T00%3A00%3A00%2B00%3A00"
    assert f'<a data-airflow href="{link}">' in see(client)
    assert 'src="' not in see(client), "nothing is loaded"


def test_an_address_without_the_slash_leads_there(client: TestClient) -> None:
    answer = client.get(PAGE.rstrip("/"), headers=login("viewer"), follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "models/")


@pytest.mark.parametrize(
    ("headers", "code"),
    [({}, 401), ({"Authorization": "Bearer nonsense"}, 403), ({"Cookie": "_token=nonsense"}, 403)],
    ids=["no login", "token", "cookie"],
)
def test_nobody_sees_it_without_a_login(client: TestClient, headers: dict[str, str], code: int) -> None:
    answer = client.get(PAGE, headers=headers)
    assert (answer.status_code, "2026110501" in answer.text) == (code, False)


def test_only_users_who_may_read_the_dag_see_it(client: TestClient) -> None:
    answer = client.get(PAGE, headers=login(None))
    assert (answer.status_code, answer.text) == (403, "Forbidden\n")
    token = login("viewer")["Authorization"].removeprefix("Bearer ")
    assert client.get(PAGE, headers={"Cookie": f"_token={token}"}).status_code == 200


def test_a_browser_lets_nothing_in_but_the_pages_own_style_and_script(client: TestClient) -> None:
    answer = client.get(PAGE, headers=login("viewer"))
    policy = answer.headers["content-security-policy"]
    digest = r"'sha256-[A-Za-z0-9+/]{43}='"
    assert re.fullmatch(
        rf"default-src 'none'; style-src {digest}; script-src {digest}; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'self'",
        policy,
    )
    assert len(re.findall("<script", answer.text)) == len(re.findall("<style", answer.text)) == 1
    assert " style=" not in answer.text
    assert not re.search(r" on\w+=", answer.text)
    assert client.get(PAGE).headers["content-security-policy"] == policy, "errors, too"


def test_airflow_shows_it_in_its_navigation_and_as_a_tab_of_dags_and_runs(client: TestClient) -> None:
    plugins = client.get("/api/v2/plugins", headers=login("admin")).json()["plugins"]
    (views,) = [plugin["external_views"] for plugin in plugins if plugin["name"] == "bert_service"]
    assert [(view["name"], view["destination"], view["href"]) for view in views] == [
        ("Models", "nav", "bert_service/models/"),
        ("Models", "dag", "bert_service/models/?dag={DAG_ID}"),
        ("Models", "dag_run", "bert_service/models/?dag={DAG_ID}&q={RUN_ID}"),
    ]
    assert "Models of bert_sentiment" in see(client, "?dag=bert_sentiment")
    run = quote("scheduled__2026-11-06T00:00:00+00:00", safe="")
    assert "Page 1 of 1, 1 decision" in text_of(see(client, f"?dag=bert_sentiment&q={run}"))
    other = text_of(see(client, "?dag=<b>other"))
    assert (
        other == "Models The DAG &lt;b&gt;other has no models. Those of the DAG bert_sentiment are on the page Models ."
    )


HOSTILE = "</td><script>alert(1)</script><img src=x onerror=\"alert('2')\"> {{ 7 * 7 }} \u202e"


@pytest.mark.usefixtures("client")
def test_texts_of_the_ledger_are_shown_as_text(tmp_path: Path) -> None:
    state = seeded(tmp_path, days=10)
    hostile_event(state, HOSTILE)
    for path in ("", f"?q={quote(HOSTILE)}", "versions/2026110601"):
        html = see(pages_of(state), path)
        assert escape(HOSTILE).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in html
        assert "<script>alert" not in html
        assert "<img" not in html
        assert html.count("<script") == 1


@pytest.mark.usefixtures("client")
def test_ten_thousand_events_take_less_than_a_second(tmp_path: Path) -> None:
    state = seeded(tmp_path)
    total = multiply(state, 28)
    assert total > 10_000
    pages = pages_of(state)
    for path in ("", "?page=100", "?kind=blocked&by=date", "?q=compared&by=date&page=2"):
        html, seconds = "", []
        for _ in range(3):
            started = time.process_time()  # of this process: other tests use the processor, too
            html = see(pages, path)
            seconds.append(time.process_time() - started)
        assert min(seconds) < 1, path
        assert html.count('data-label="Data date"') == PAGE_SIZE, path
    last = -(-total // PAGE_SIZE)
    assert f"Page {last} of {last}, {total:,} decisions" in text_of(see(pages, f"?page={last + 1}"))
    assert see(pages, f"?page={last}").count('data-label="Data date"') == total - (last - 1) * PAGE_SIZE


@pytest.mark.usefixtures("client")
def test_without_a_ledger_it_says_that_there_is_nothing_yet(tmp_path: Path) -> None:
    text = text_of(see(pages_of(SeededState(tmp_path, ""))))
    assert "No version of bert_sentiment was ever in service, by the ledger at sqlite:///" in text
    assert "No model server is asked: the setting model_servers" in text
    assert "There are none yet: no run of bert_sentiment has come to a verdict." in text
    assert not (tmp_path / "ledger").exists()


@pytest.mark.usefixtures("client")
def test_a_ledger_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "ledger").mkdir()
    (tmp_path / "ledger" / "ledger.db").write_text("no database" * 100)
    answer = pages_of(SeededState(tmp_path, "")).get(PAGE, headers=login("viewer"))
    assert answer.status_code == 503
    assert "cannot be read: file is not a database. Look at the database" in text_of(answer.text)
