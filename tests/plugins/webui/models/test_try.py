"""*Try it*: a real model server is asked about a user's texts, by whoever may read the DAG."""

import logging
import os
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from html import escape, unescape
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from airflow_bert_service.settings.settings import settings_from
from airflow_bert_service.webui.models.changes import ModelChanges
from airflow_bert_service.webui.models.pipelines import pipelines_app
from airflow_bert_service.webui.models.trying.asking import AT_A_TIME
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.plugins.api_server import login
from tests.plugins.ledgers import SeededState
from tests.plugins.model_server import LIVE, OLDER, RunningModelServer
from tests.plugins.models_pages import PAGE, pages_of, see, text_of
from tests.plugins.webui.models.try_form import OURS, asked, send
from tests.support.loopback import HOST, serving

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("client")]

HOSTILE = "</textarea></pre><script>alert(1)</script><img src=x onerror=\"alert('2')\"> {{ 7 * 7 }} \u202e good"


@pytest.fixture
def pages(year: SeededState, real_server: RunningModelServer) -> TestClient:
    return pages_of(year, **real_server.settings())


def examples(html: str) -> list[str]:
    return [unescape(found) for found in re.findall(r"<pre [^>]*>(.*?)</pre>", html, re.DOTALL)]


def test_the_page_names_what_the_server_serves(pages: TestClient) -> None:
    assert '<a class="button" href="try">Try it</a>' in see(pages)
    html = see(pages, "try")
    assert f"serves {LIVE} (live), {OLDER}" in text_of(html)
    assert html.count("<option ") == 2
    assert f'name="version" value="{OLDER}"' in see(pages, f"try?version={OLDER}")


def test_a_text_is_asked_of_the_live_version(pages: TestClient) -> None:
    said = asked(pages, "A good, fine film.")
    assert re.search(rf"the live version, {LIVE} : [\d.]+ ms for a request with 1 text, as", said)
    assert "positive Label Score As a bar negative 0.0474 positive 0.9526" in said
    assert "Which words mattered" not in said


@pytest.mark.parametrize("older", [str(OLDER), "stable"])
def test_two_versions_are_asked_side_by_side(pages: TestClient, older: str) -> None:
    said = asked(pages, "A good film.\nAn awful film.", form="lines", beside=older)
    assert "The two versions differ in the label of 1 of 2 texts." in said
    answers = said.partition("Labels A good film.")[2]
    assert answers.startswith(" positive 0.8808 Label Score As a bar negative 0.1192 positive 0.8808 negative 0.8808")
    assert "differ An awful film. negative 0.9526" in said
    assert "same" in said
    assert said.count("curl: ") == 2


def test_a_small_csv_file_is_asked_about(pages: TestClient) -> None:
    answer = send(pages, "not this", file=b'id,text\n1,"good, good"\n2,awful\n')
    said = text_of(answer.text)
    assert "good, good positive 0.9820" in said
    assert "awful negative 0.9526" in said
    assert "a request with 2 texts" in said
    assert (
        "The texts are those of the column “ text ”; the first row, “ id, text ”, was taken for the columns' names."
        in (unescape(said))
    )
    assert "was taken for" not in asked(pages, "good")


def pages_beside(name: str, year: SeededState, real_server: RunningModelServer, root: Path) -> TestClient:
    """The pages of several pipelines, one of them of a name."""
    folder = root / "dags" / "bert_pipelines" / name
    folder.mkdir(parents=True)
    (folder / "settings.toml").write_text(f'name = "{name}"\n')
    settings = settings_from({"root": str(root), "state": str(year.folder), **real_server.settings()})
    app = pipelines_app(settings, ModelChanges(settings, lambda _client: None))
    return TestClient(Starlette(routes=[Mount(PAGE.rstrip("/"), app)]))


def test_labels_of_ones_own_have_a_score_each_and_another_pipeline_asks_its_own_model(
    year: SeededState, real_server: RunningModelServer, tmp_path: Path
) -> None:
    pages = pages_beside("tickets", year, real_server, tmp_path)
    said = asked(pages, "My invoice is broken", path="of/tickets/try")
    assert "the live version, 7" in said
    assert "billing 0.4879 fault 0.4879 &lt;i&gt;other&lt;/i&gt; 0.0243" in said
    assert send(pages, "x", path="of/tickets/try", role=None).status_code == 403
    assert "/v1/models/tickets:classify" in said


def test_a_text_has_the_labels_that_the_model_chose_by_its_own_threshold(
    year: SeededState, real_server: RunningModelServer, tmp_path: Path
) -> None:
    pages = pages_beside("topics", year, real_server, tmp_path)
    texts = "My invoice is broken\nMaybe\nThe invoice, maybe maybe"
    answer = send(pages, texts, path="of/topics/try", form="lines")
    said = text_of(answer.text)
    assert "My invoice is broken billing, fault Label Score As a bar billing 0.3775 fault 0.8808" in said
    assert "Maybe no label Label Score" in said
    assert "The invoice, maybe maybe billing, &lt;i&gt;other&lt;/i&gt; Label Score" in said
    assert "/v1/models/topics:predict" in said
    command, program = examples(answer.text)
    assert '"instances"' in command
    assert '["chosen"]' in program
    words = asked(pages, "My invoice is broken", path="of/topics/try", do="words")
    assert "Marked are those that the score of fault depends on" in words


def test_it_shows_which_words_mattered(pages: TestClient) -> None:
    html = send(pages, "An awful plot, but good, good actors and a fine end.", do="words").text
    assert '<mark class="for-4" title="without it: 0.5000">good,</mark>' in html
    assert '<mark class="against-1" title="without it: 0.9933">awful</mark>' in html
    said = text_of(html)
    assert "ms for a request with 12 texts" in said
    assert "Each of the 11 words was left out in turn." in said
    assert "positive" in said
    for one in examples(html):
        assert one.count("plot") == 1, "the request to copy is that of the text alone"
    assert "A request for the text alone, to copy" in said
    assert "The same request, to copy" in asked(pages, "good")


def test_the_requests_to_copy_give_the_answer_that_is_shown(pages: TestClient, real_server: RunningModelServer) -> None:
    text = 'It\'s a "good" film!! $(id) `id` \\ 电影 😀\nEND\nfine'
    command, program = examples(send(pages, text, version=str(LIVE)).text)
    environ = {**os.environ, "MODEL_KEY": real_server.key_file.read_text().strip()}
    for run, given in (([sys.executable, "-"], program), (["sh"], command), (["bash"], command)):
        done = subprocess.run(run, input=given, env=environ, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
        assert re.search(r"'positive': 0\.9525|\"positive\",0\.9525", done.stdout), (run, done.stdout)
    assert environ["MODEL_KEY"] not in command + program


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"text": " "}, "There is no text. Write one, or choose a CSV file."),
        ({"text": "a\n" * 65, "form": "lines"}, "There are 65 texts; allowed: 1 to 64. Ask about fewer"),
        ({"text": "a\nb", "form": "lines", "do": "words"}, "There are 2 texts; allowed, to see which words"),
        ({"text": "x" * 8193, "do": "words"}, "The text has 8,193 bytes; allowed, to see which words mattered: 8,192"),
        ({"text": "id,no\n1,2", "form": "csv"}, "The CSV has no column &#39;text&#39; or &#39;review&#39;"),
        ({"text": "a", "version": "stable", "beside": "stable"}, "Both versions are stable. Name another"),
        ({"text": "a", "server": "7"}, "server is 7; allowed: 0 to 0. Choose one on the page."),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_asked_is_told_on_the_page_with_the_form_as_it_was(
    pages: TestClient, fields: dict[str, Any], told: str
) -> None:
    answer = send(pages, **fields)
    assert answer.status_code == 422
    assert told in answer.text
    assert f">\n{fields['text'].rstrip()[:100]}" in answer.text
    assert "<h2 id=" not in answer.text


@pytest.mark.parametrize(
    ("fields", "code", "told"),
    [
        ({"version": "a b"}, 422, "version is 'a b'; allowed: a version's number or a label"),
        ({"beside": "../../x"}, 422, "beside is '../../x'; allowed"),
        ({"version": "a\x1bb"}, 422, "version is 'a\\x1bb'; allowed"),
        ({"server": "-1"}, 422, "server is '-1'; allowed: the number"),
        ({"form": "poem", "server": "x"}, 422, "server is 'x'; allowed: the number of a model server, from 0. form is"),
        ({"column": "x" * 101}, 422, "column has 101 characters"),
        ({"file": b"text\nfilm \xe9t\xe9\n"}, 422, "The file is not UTF-8. Save it as UTF-8, and choose it again."),
        ({"file": b"x" * 300_000}, 413, "bytes; allowed: 196,608. Choose a file with fewer texts."),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_field_loses_no_text(pages: TestClient, fields: dict[str, Any], code: int, told: str) -> None:
    answer = send(pages, "film été <i>", **fields)
    assert answer.status_code == code
    assert told in unescape(answer.text)
    assert ">\nfilm été &lt;i&gt;</textarea>" in answer.text
    assert "<h2 id=" not in answer.text
    for name in {"version", "beside", "column"} & set(fields):
        assert f'name="{name}" value="{fields[name]}"' in answer.text


def test_a_form_whose_text_alone_is_too_large_is_refused(pages: TestClient) -> None:
    answer = send(pages, "x" * 300_000)
    assert answer.status_code == 413
    assert "bytes; allowed: 196,608. Go back and ask about fewer texts." in answer.text


def test_a_body_that_is_no_form_is_refused(pages: TestClient) -> None:
    def answer(kind: str, body: bytes) -> tuple[int, str]:
        got = pages.post(f"{PAGE}try", content=body, headers={**login("viewer"), "Content-Type": kind})
        return got.status_code, got.text

    assert answer("application/json", b"{}") == (415, "Send a form: multipart/form-data.\n")
    assert answer("multipart/form-data", b"")[0] == 422
    assert answer("multipart/form-data; boundary=x", b"text")[0] == 422
    assert answer("multipart/form-data; boundary=x", b"--x\r\n\xff")[0] == 422
    part = b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\n%s\r\n--x--\r\n'
    assert "The form is not UTF-8." in answer("multipart/form-data; boundary=x", part % b"film \xe9t\xe9")[1]
    for charset in ("unicode_escape", "utf-7", "latin-1", "utf-8-sig", "nonsense", '"'):
        code, told = answer(f"multipart/form-data; boundary=x; charset={charset}", part % rb"\ud800")
        assert (code, "allowed: utf-8." in told) == (415, True), charset
    assert answer("multipart/form-data; boundary=x; charset=UTF8", part % b"good")[0] == 200


def test_problems_of_the_server_are_told_in_plain_words(
    pages: TestClient, year: SeededState, real_server: RunningModelServer, tmp_path: Path
) -> None:
    def told(pages: TestClient, text: str = "good", **fields: Any) -> str:
        answer = send(pages, text, **fields)
        assert answer.status_code == 502, answer.text
        return text_of(answer.text)

    assert "2026110501 : the model server did not answer: it does not serve version 2026110501 now" in told(
        pages, version="2026110501"
    )
    assert "canary : the model server did not answer: it refuses the request: " in told(pages, version="canary")
    assert "it has too much to do just now" in told(pages, ("good " * 1000)[:4000], do="words"), "429, by its size"
    servers = real_server.settings()
    assert "it wants an API key" in told(pages_of(year, **{**servers, "model_server_key_file": ""}))
    wrong = tmp_path / "key"
    wrong.write_text("another-key-of-many-characters")
    assert "it refuses the API key" in told(pages_of(year, **{**servers, "model_server_key_file": str(wrong)}))
    down = told(pages_of(year, model_servers=f"http://{HOST}:1"))
    assert "the live version: the model server did not answer: no answer (Connection refused)" in down
    both = send(pages, "good", version="2026110501", beside=str(LIVE))
    assert both.status_code == 200
    assert "does not serve version 2026110501 now" in both.text
    assert "positive 0.8808" in text_of(both.text)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read (No such file or directory). Name a file with the key."),
        ("", "does not hold an API key; allowed: one word of ASCII"),
        ("two\nkeys", "does not hold an API key"),
        ("k\u00e9y", "does not hold an API key"),
    ],
)
def test_a_file_without_a_key_is_told(year: SeededState, tmp_path: Path, content: str | None, told: str) -> None:
    if content is not None:
        (tmp_path / "key").write_text(content)
    pages = pages_of(year, model_servers=f"http://{HOST}:1", model_server_key_file=str(tmp_path / "key"))
    answer = send(pages, "good")
    assert (answer.status_code, told in text_of(answer.text)) == (503, True), text_of(answer.text)


def test_without_a_model_server_it_says_so(year: SeededState) -> None:
    pages = pages_of(year)
    assert "There is no model server to ask: the setting model_servers" in text_of(see(pages, "try"))
    assert send(pages, "good").status_code == 503


def test_only_users_who_may_read_the_dag_ask(pages: TestClient) -> None:
    for role, code in (("viewer", 200), ("user", 200), (None, 403)):
        assert send(pages, "good", role=role).status_code == code
        assert pages.get(f"{PAGE}try", headers=login(role)).status_code == code
    assert pages.get(f"{PAGE}try").status_code == 401
    assert pages.post(f"{PAGE}try", headers=OURS).status_code == 401


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Sec-Fetch-Site": "cross-site", **OURS}, 403),
        ({"Sec-Fetch-Site": "same-site", **OURS}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
    ],
    ids=str,
)
def test_a_page_of_another_site_asks_nothing(pages: TestClient, headers: dict[str, str], code: int) -> None:
    answer = send(pages, "good", headers=headers)
    assert (answer.status_code, "positive" in answer.text) == (code, code == 200)


@pytest.mark.parametrize("fields", [{}, {"do": "words"}, {"form": "lines", "beside": "stable"}, {"form": "csv"}])
def test_texts_are_shown_as_text(pages: TestClient, fields: dict[str, Any]) -> None:
    answer = send(pages, HOSTILE, **fields)
    html = answer.text
    shown = escape(HOSTILE).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
    assert f"{shown}</textarea>" in html
    assert html.count("<script") == 1
    assert "<img" not in html
    assert " style=" not in html
    policy = see_policy(pages)
    assert answer.headers["content-security-policy"] == policy
    assert answer.headers["cache-control"] == "private, no-store"


def see_policy(pages: TestClient) -> str:
    return str(pages.get(PAGE, headers=login("viewer")).headers["content-security-policy"])


def test_no_text_is_logged_or_kept(
    pages: TestClient, year: SeededState, real_server: RunningModelServer, caplog: pytest.LogCaptureFixture
) -> None:
    before = {path: path.stat().st_mtime_ns for path in year.folder.rglob("*")}
    with caplog.at_level(logging.DEBUG):
        send(pages, "a-very-private-text", do="words")
        send(pages, "a-very-private-text", version="unknown")
        send(pages, "text\na-very-private-text,", form="csv")
    assert "a-very-private-text" not in caplog.text
    assert "a-very-private-text" not in real_server.log.read_text()
    assert {path: path.stat().st_mtime_ns for path in year.folder.rglob("*")} == before


def test_few_requests_are_answered_at_a_time_one_of_each_user_so_that_airflow_has_threads_left(
    year: SeededState,
) -> None:
    done, begun = threading.Event(), threading.Semaphore(0)

    class Slow(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.endswith("/metadata"):
                begun.release()
                done.wait(20)

    with serving(Slow) as port, ThreadPoolExecutor(AT_A_TIME) as threads:
        pages = pages_of(year, model_servers=f"http://{HOST}:{port}")
        waiting = [threads.submit(send, pages, "good", user="user-0")]
        try:
            assert begun.acquire(timeout=20)
            second = send(pages, "good", user="user-0")
            waiting += [threads.submit(send, pages, "good", user=f"user-{n}") for n in range(1, AT_A_TIME)]
            assert all(begun.acquire(timeout=20) for _ in waiting[1:])
            refused = send(pages, "good", user="one more")
        finally:
            done.set()
        wait(waiting)
        assert (second.status_code, "Another request of yours is being answered" in second.text) == (429, True)
        assert (refused.status_code, "4 requests are being answered just now" in refused.text) == (503, True)
        assert [answer.result().status_code for answer in waiting] == [502] * AT_A_TIME
        assert send(pages, "good", user="user-0").status_code == 502, "the place is free again"


def test_with_several_pipelines_no_model_is_asked_for_another(
    year: SeededState, real_server: RunningModelServer, tmp_path: Path
) -> None:
    def pages(path: str) -> TestClient:
        changed = {**real_server.settings(), "model_servers": f"{real_server.address}{path} {real_server.address}"}
        settings = settings_from({"root": str(tmp_path), "state": str(year.folder), **changed})
        app = pipelines_app(settings, ModelChanges(settings, lambda _client: None))
        return TestClient(Starlette(routes=[Mount(PAGE.rstrip("/"), app)]))

    elsewhere = pages("/v1/models/tickets")
    assert send(elsewhere, "x").status_code == 200, "of the one pipeline, the model may have any name"
    folder = tmp_path / "dags" / "bert_pipelines" / "tickets"
    folder.mkdir(parents=True)
    (folder / "settings.toml").write_text('name = "tickets"\n')
    refused = send(elsewhere, "x")
    told = "/v1/models/tickets, the address of one model, which is not that of bert_sentiment; allowed, with several"
    assert refused.status_code == 503
    assert told in text_of(refused.text)
    assert f"it is not asked: [bert_service] model_servers has {real_server.address}{told}" in text_of(
        see(elsewhere, "try")
    )
    assert "billing 0." in asked(elsewhere, "x", path="of/tickets/try")
    assert "positive 0.8808" in asked(elsewhere, "good", server="1")
    own = pages("/v1/models/bert_sentiment/")
    assert "positive 0.8808" in asked(own, "good")
    assert send(own, "x", path="of/tickets/try").status_code == 503
