"""The page *Models*, and requests for approval, as a person uses them: in Airflow's real UI below a base path.

The browser is Chromium; without one these tests are skipped.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from airflow_bert_service.promotion.events import EventKind, PromotionEvent
from airflow_bert_service.promotion.ledger_reader import HistoryQuery, LedgerReader

from scripts.errors import StackError
from scripts.screenshots.chromium import Page, find_chromium, open_page
from scripts.stack.ports import LOOPBACK, free_port
from tests.plugins.approval_nodes import write_module_root
from tests.plugins.gate_run import migrate, run_dag
from tests.plugins.ledgers import PIPELINE, SeededState, seeded
from tests.plugins.model_server import LIVE, OLDER, RunningModelServer
from tests.support.accessibility import assert_no_grave_fault
from tests.support.web_inbox import listening

pytestmark = pytest.mark.slow

START_SECONDS = 120.0
RUN_SECONDS = 240.0
BASE_PATH = "/airflow"
NARROW, WIDE = 400, 1280
NAVIGATION = "/plugin/bert_service_models"
FRAME = "document.querySelector('iframe')?.contentDocument"
PASSWORDS = "simple_auth_manager_passwords.json"


@dataclass(frozen=True)
class Browser:
    """A browser that is logged in to a running Airflow."""

    page: Page
    base: str

    def open(self, path: str, width: int = WIDE) -> None:
        self.page.set_size(width, 900)
        self.page.open(self.base + path)

    def wait_for_frame(self, condition: str) -> None:
        """Wait until an expression is true of `d`, the page inside of Airflow's."""
        try:
            self.page.wait_for(f"(d => d && d.readyState === 'complete' && {condition})({FRAME})")
        except StackError as error:
            raise AssertionError(f"{error}\nThe frame shows:\n{self.in_frame('d && d.body?.innerText')}") from error

    def in_frame(self, script: str) -> object:
        return self.page.value_of(f"(d => {script})({FRAME})")


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> SeededState:
    return seeded(tmp_path_factory.mktemp("state"), days=40)


@pytest.fixture(scope="module")
def browser(
    state: SeededState, real_server: RunningModelServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    try:
        find_chromium()
    except StackError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("browser")
    with airflow(state, real_server, folder) as base, open_page(folder, os.environ) as page:
        login = {"username": "anna", "password": "a password"}
        token = httpx.post(f"{base}/auth/token", json=login, trust_env=False).json()["access_token"]
        page.set_cookie("_token", token, base)
        yield Browser(page, base)


@contextmanager
def airflow(state: SeededState, server: RunningModelServer, folder: Path) -> Iterator[str]:
    """Run Airflow's API server; yield its address. Anna may edit DAGs."""
    migrate()
    port = free_port()
    (folder / PASSWORDS).write_text(json.dumps({"anna": "a password"}))
    base = f"http://{LOOPBACK}:{port}{BASE_PATH}"
    settings = {
        "AIRFLOW__API_AUTH__JWT_SECRET": "s" * 64,
        "AIRFLOW__API__BASE_URL": base,
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "anna:user",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(folder / PASSWORDS),
        "AIRFLOW__BERT_SERVICE__STATE": str(state.folder),
        "AIRFLOW__BERT_SERVICE__MODEL_SERVERS": server.address,  # it serves what is rolled back to here
        "AIRFLOW__BERT_SERVICE__MODEL_SERVER_KEY_FILE": str(server.key_file),
        "AIRFLOW__BERT_SERVICE__TFX_PYTHON": sys.executable,
    }
    command = [sys.executable, "-m", "airflow", "api-server", "--host", LOOPBACK, "--port", str(port)]
    with (folder / "airflow.log").open("wb") as log:
        process = subprocess.Popen(
            command, env={**os.environ, **settings}, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        _wait(process, base, folder / "airflow.log")
        yield base
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def _wait(process: subprocess.Popen[bytes], base: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            if httpx.get(f"{base}/api/v2/version", trust_env=False).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.5)
    raise AssertionError(log.read_text())


def test_airflows_navigation_leads_to_the_page(browser: Browser) -> None:
    browser.open("/")
    browser.page.wait_for(f"document.querySelector('a[href$=\"{NAVIGATION}\"]')")
    browser.page.value_of(f"document.querySelector('a[href$=\"{NAVIGATION}\"]').click()")
    browser.wait_for_frame("d.querySelector('h1')?.innerText === 'Models of bert_sentiment'")
    # The browser let the page's own style in.
    assert browser.in_frame("d.defaultView.getComputedStyle(d.querySelector('.box')).borderRadius") == "8px"


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_page_has_the_theme_of_airflows_ui(browser: Browser, theme: str) -> None:
    browser.open(NAVIGATION)
    browser.page.value_of(f"localStorage.setItem('theme', '{theme}')")
    browser.open(NAVIGATION)
    browser.wait_for_frame(f"d.documentElement.style.colorScheme === '{theme}'")
    color = str(browser.in_frame("d.defaultView.getComputedStyle(d.body).backgroundColor"))
    assert color == ("rgb(255, 255, 255)" if theme == "light" else "rgb(22, 29, 45)")


def test_the_history_is_searched_and_leads_to_a_version_and_to_its_run(browser: Browser) -> None:
    browser.open(NAVIGATION)
    browser.wait_for_frame("d.querySelector('[name=q]')")
    browser.in_frame("(d.querySelector('[name=q]').value = '2026110401', d.querySelector('form button').click())")
    browser.wait_for_frame("d.body.innerText.includes('Page 1 of 1, 2 decisions')")
    browser.in_frame("d.querySelector('table.stacked a[href=\"versions/2026110401\"]').click()")
    browser.wait_for_frame("d.querySelector('h1')?.innerText === 'Version 2026110401'")
    browser.in_frame("d.querySelector('ol a[data-airflow]').click()")
    browser.page.wait_for(f"location.pathname.startsWith('{BASE_PATH}/dags/{PIPELINE}/runs/scheduled__2026-11-05')")
    assert browser.page.value_of("window === window.top")


def test_a_version_is_rolled_back_to_with_a_reason_and_a_tick(browser: Browser) -> None:
    browser.open(NAVIGATION)
    browser.wait_for_frame("d.querySelector('a[href=\"roll-back\"]')")
    browser.in_frame("d.querySelector('a[href=\"roll-back\"]').click()")
    browser.wait_for_frame("d.querySelector('[name=reason]')")
    browser.in_frame("d.querySelector('form button').click()")  # the browser asks for what is missing
    assert browser.in_frame("d.querySelector('form').checkValidity()") is False
    browser.in_frame(
        "(d.querySelector('[value=\"2026110401\"]').click(), d.querySelector('[name=reason]').value = 'it is rude', "
        "d.querySelector('[name=confirm]').click(), d.querySelector('form button').click())"
    )
    browser.wait_for_frame("d.querySelector('h1')?.innerText === 'Version 2026110401'")
    told = str(browser.in_frame("d.body.innerText"))
    assert "In service" in told
    assert "from 2026110501 to 2026110401: it is rude" in told
    assert "anna" in told


def ask(browser: Browser, script: str, button: str = "ask") -> None:
    """Fill in the form of *Try it*, and press a button."""
    browser.in_frame(f"(d.body.id = 'before', {script}, d.querySelector('form.change [value={button}]').click())")
    browser.wait_for_frame("d.body.id !== 'before' && d.querySelector('#answer')")


def test_a_model_is_tried_with_a_text_a_file_and_beside_another_version(browser: Browser) -> None:
    browser.open(NAVIGATION)
    browser.wait_for_frame("d.querySelector('a[href=\"try\"]')")
    browser.in_frame("d.querySelector('a[href=\"try\"]').click()")
    browser.wait_for_frame("d.querySelector('textarea')")
    ask(browser, "d.querySelector('textarea').value = '\\nA good <b>film</b>, but an awful end'", "words")
    said = str(browser.in_frame("d.body.innerText"))
    assert f"the live version, {LIVE}" in said
    assert "A good <b>film</b>, but an awful end" in said
    marked = "[...d.querySelectorAll('mark')].map(one => [one.className, one.innerText])"
    assert browser.in_frame(marked) == [["against-1", "good"], ["for-4", "awful"]]
    assert browser.in_frame("d.defaultView.getComputedStyle(d.querySelector('.for-4')).backgroundColor") != (
        "rgba(0, 0, 0, 0)"
    )
    assert browser.in_frame("d.querySelector('textarea').value") == "\nA good <b>film</b>, but an awful end"

    browser.in_frame("d.querySelector('[data-copy]').click()")
    browser.wait_for_frame("d.querySelector('[data-copy]').innerText !== 'Copy'")
    assert browser.in_frame("d.getSelection().toString().startsWith('curl --globoff')")

    choose = (
        "(t => (t.items.add(new d.defaultView.File(['text\\ngood\\nawful\\n'], 'a.csv')), "
        "d.querySelector('[type=file]').files = t.files))(new d.defaultView.DataTransfer())"
    )
    ask(browser, f"{choose}, d.querySelector('[name=beside]').value = '{OLDER}'")
    said = str(browser.in_frame("d.body.innerText"))
    assert "The two versions differ in the label of 1 of 2 texts." in said


def test_a_file_that_is_too_large_is_told(browser: Browser) -> None:
    browser.open("/bert_service/models/try")
    browser.page.wait_for("document.querySelector('textarea')")
    browser.page.value_of(
        "(document.querySelector('textarea').value = 'x'.repeat(3e6), document.querySelector('[value=ask]').click())"
    )
    browser.page.wait_for("document.body.innerText.includes('bytes; allowed: 196,608. Go back')")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "curves?days=365",
        "curves?of=data&days=365",
        "versions/2026110501",
        "roll-back?version=2026110301",
        "try?version=2026110301",
    ],
)
def test_nothing_is_cut_off_on_a_phone(browser: Browser, path: str) -> None:
    browser.open(f"/bert_service/models/{path}", width=NARROW)
    browser.page.wait_for("document.readyState === 'complete' && document.querySelector('h1')")
    assert browser.page.value_of("document.documentElement.scrollWidth") == NARROW


def test_an_answer_is_not_cut_off_on_a_phone(browser: Browser) -> None:
    browser.open("/bert_service/models/try", width=NARROW)
    browser.page.wait_for("document.querySelector('textarea')")
    browser.page.value_of(
        "(document.querySelector('textarea').value = 'good ' + 'x'.repeat(300), "
        "document.querySelector('[name=beside]').value = 'stable', document.querySelector('[value=words]').click())"
    )
    browser.page.wait_for("document.readyState === 'complete' && document.querySelector('mark')")
    assert browser.page.value_of("document.documentElement.scrollWidth") == NARROW


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("", "h1"),
        ("?by=date&kind=blocked&q=2026-10", "table.stacked"),
        ("curves?days=30", "svg"),
        ("curves?of=data&days=365", "svg"),
        ("versions/2026110501", "h1"),
        ("roll-back?version=2026110301", "form"),
        ("try?version=2026110301", "form"),
    ],
    ids=["list", "history", "accuracy", "data", "version", "roll-back", "try"],
)
def test_axe_finds_no_grave_fault(browser: Browser, path: str, shown: str) -> None:
    browser.page.open(f"{browser.base}/bert_service/models/{path}")
    browser.page.wait_for(f"document.readyState === 'complete' && document.querySelector('{shown}')")
    assert_no_grave_fault(browser.page)


@dataclass(frozen=True)
class Asking:
    """A run that waits for a person, and what the channel was told."""

    links: dict[str, str]
    ended: Future[str]
    state: Path

    def verdict(self) -> PromotionEvent:
        """Wait for the run's end, and return what the ledger has of it."""
        self.ended.result(RUN_SECONDS)
        with LedgerReader(f"sqlite:///{self.state}/ledger/ledger.db", "approval").open() as ledger:
            return ledger.history(HistoryQuery()).events[0]


@pytest.fixture(scope="module")
def ask_for_approval(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[int, str], Asking]]:
    """Begins a run of a DAG with approval, by its number and data date, and waits until the channel is told of it."""
    root, state = write_module_root(tmp_path_factory.mktemp("snapshot")), tmp_path_factory.mktemp("approvals")
    channel = {"webhook": {"conn_id": "hook"}, "on": ["waiting"]}
    with listening() as inbox, ThreadPoolExecutor() as threads:
        connection = {"conn_type": "http", "host": LOOPBACK, "port": inbox.port, "password": "sesame"}
        variables = {
            "TEST_MODULE_ROOT": str(root),
            "AIRFLOW__API__BASE_URL": browser.base,
            "AIRFLOW__BERT_SERVICE__NOTIFICATIONS": json.dumps([channel]),
            "AIRFLOW_CONN_HOOK": json.dumps(connection),
        }

        def begin(number: int, day: str) -> Asking:
            before = len(inbox.posts)
            run = threads.submit(run_dag, "approval_dag.py", str(number), day, state=state, **variables)
            deadline = time.monotonic() + RUN_SECONDS
            while len(inbox.posts) == before:
                assert time.monotonic() < deadline, "nobody is told"
                assert not run.done(), run.result()
                time.sleep(0.2)
            return Asking(json.loads(inbox.posts[-1].body)["links"], run, state)

        yield begin


def answer(browser: Browser, button: str, reason: str) -> None:
    """Fill in the form that the page shows, as the keyboard would, and press a button."""
    browser.page.wait_for("document.querySelector('#element_reason')")
    browser.page.value_of(
        "(field => (Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(field, "
        f"{json.dumps(reason)}), field.dispatchEvent(new Event('input', {{bubbles: true}}))))"
        "(document.querySelector('#element_reason'))"
    )
    browser.page.wait_for(_button(button))
    browser.page.value_of(f"{_button(button)}.click()")


def _button(text: str) -> str:
    return f"[...document.querySelectorAll('button')].find(one => one.innerText.trim().endsWith('{text}'))"


def test_a_request_is_approved_from_the_page_of_its_run(
    browser: Browser, ask_for_approval: Callable[[int, str], Asking]
) -> None:
    asking = ask_for_approval(1, "2026-11-04")
    browser.page.set_size(WIDE, 900)
    browser.page.open(asking.links["Run"])
    browser.page.wait_for(_button("Required Actions"))
    browser.page.value_of(f"{_button('Required Actions')}.click()")
    browser.page.wait_for("document.body.innerText.includes('Promote the model of data date 2026-11-04')")
    answer(browser, "Approve", "reads well")
    promoted = asking.verdict()
    assert (promoted.kind, promoted.version) == (EventKind.PROMOTED, 2026110401)
    assert promoted.metrics["approval"]["by"] == "anna"
    assert promoted.metrics["approval"]["comment"] == "reads well"


def test_a_request_is_rejected_by_the_link_of_the_message(
    browser: Browser, ask_for_approval: Callable[[int, str], Asking]
) -> None:
    asking = ask_for_approval(2, "2026-11-06")
    browser.page.open(asking.links["Answer"])
    answer(browser, "Reject", "rude to sequels")
    rejected = asking.verdict()
    assert (rejected.kind, rejected.actor) == (EventKind.BLOCKED, "anna")
    assert "rejected by anna" in rejected.reason
    assert "rude to sequels" in rejected.reason
