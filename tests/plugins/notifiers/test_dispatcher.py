"""Channels are notified of promotions: by mail, Slack, signed webhook or any notifier; each of them once."""

import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow_bert_service.exceptions import NotificationError, NotificationRefusedError
from airflow_bert_service.notifiers import webhook_signature
from airflow_bert_service.notifiers.dispatcher import DeliveryRetryPolicy, NotificationDispatcher
from airflow_bert_service.notifiers.slack import SlackNotifier
from airflow_bert_service.promotion.events import PromotionEvent

from tests.plugins.promotions import PROMOTED, channels, client, event, rolled_back
from tests.support.smtp import Mailbox, receiving
from tests.support.web_inbox import Inbox, listening

MAIL = {"smtp": {"to": ["team@example.org", "lead@example.org"], "conn_id": "mail"}}
SLACK = {"slack": {"conn_id": "slack"}}
WEBHOOK = {"webhook": {"conn_id": "hook", "endpoint": "promotions?from=airflow"}}
BASE = "https://airflow.example.org/bert"


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    with receiving() as box:
        extra = {"from_email": "bert@example.org", "disable_ssl": True, "disable_tls": True, "retry_limit": 0}
        connect(monkeypatch, "mail", "smtp", box.port, extra=extra)
        yield box


@pytest.fixture
def inbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Inbox]:
    """Takes what is posted to Slack and to the webhook."""
    with listening() as box:
        connect(monkeypatch, "slack", "http", box.port, password="T0/B0/token")
        connect(monkeypatch, "hook", "http", box.port, password="sesame", extra={"X-Team": "sentiment"})
        yield box


def connect(patch: pytest.MonkeyPatch, name: str, kind: str, port: int, **more: Any) -> None:
    said = {"conn_type": kind, "host": "127.0.0.1", "port": port, **more}
    patch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(said))


def context(promotion: PromotionEvent | None = None) -> Any:
    """The context of the task that sends the messages, in the run of the event."""
    ti = SimpleNamespace(dag_id="bert_sentiment", run_id=PROMOTED["run_id"], task_id="notify_promotion")
    more: dict[str, Any] = {"promotion": promotion} if promotion else {}
    return {"ti": ti, "dag": DAG("bert_sentiment", schedule=None), "dag_run": SimpleNamespace(), **more}


def announce(folder: Path, *entries: dict[str, Any], promotion: PromotionEvent | None = None) -> None:
    dispatcher = NotificationDispatcher(client(folder), channels(*entries), DeliveryRetryPolicy(tries=3, pause=0.01))
    dispatcher.announce(promotion or event(), context())


def test_a_mail_has_the_numbers(mailbox: Mailbox, tmp_path: Path) -> None:
    announce(tmp_path, MAIL)
    (mail,) = mailbox.messages
    assert mailbox.recipients == [["team@example.org", "lead@example.org"]]
    assert mail["Subject"] == "bert_sentiment: promoted 2026110501, data date 2026-11-05"
    assert (mail["From"], mail["To"]) == ("bert@example.org", "team@example.org, lead@example.org")
    assert mail["Message-ID"] == "<bert_sentiment.7.1795629205@bert-service.invalid>"
    (page,) = [part.get_payload(decode=True) for part in mail.walk() if part.get_content_type() == "text/html"]
    assert isinstance(page, bytes)
    assert "accuracy 0.910, champion 0.874, p = 0.012, n = 400: better" in page.decode()


def test_slack_gets_a_text_with_its_own_escapes(inbox: Inbox, tmp_path: Path) -> None:
    announce(tmp_path, SLACK, promotion=event(kind="blocked", version=None, reason="accuracy 0.861 < 0.874 & p"))
    (post,) = inbox.posts
    assert post.path == "/T0/B0/token"
    text = json.loads(post.body)["text"]
    assert text.splitlines()[:2] == [
        "*bert_sentiment: blocked, data date 2026-11-05*",
        "blocked: accuracy 0.861 &lt; 0.874 &amp; p",
    ]


def test_the_webhook_gets_the_event_signed(inbox: Inbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", BASE)
    announce(tmp_path, WEBHOOK)
    (post,) = inbox.posts
    body = json.loads(post.body)
    assert {name: body[name] for name in PROMOTED} == PROMOTED
    assert (body["event"], body["title"]) == ("promotion", "bert_sentiment: promoted 2026110501, data date 2026-11-05")
    run = f"{BASE}/dags/bert_sentiment/runs/manual__2026-11-05T00%3A00%3A00%2B00%3A00"
    assert body["links"] == {"Run": run, "Task": f"{run}/tasks/notify_promotion"}
    assert (post.path, post.headers["X-Team"]) == ("/promotions?from=airflow", "sentiment")
    assert post.headers["Content-Type"] == "application/json"
    assert post.headers["Idempotency-Key"] == "bert_sentiment.7.1795629205"
    assert "Authorization" not in post.headers
    header = post.headers["X-Bert-Service-Signature"]
    assert webhook_signature.is_signed(header, post.body, "sesame", now=int(time.time()))
    assert not webhook_signature.is_signed(header, post.body, "guess", now=int(time.time()))


def test_a_webhook_with_a_login_has_its_secret_elsewhere(
    inbox: Inbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    connect(monkeypatch, "hook", "http", inbox.port, login="airflow", password="pass")
    connect(monkeypatch, "key", "http", 1, password="sesame")
    with pytest.raises(NotificationError, match="these channels were not notified: webhook:hook"):
        announce(tmp_path, WEBHOOK)
    assert "its password is sent and cannot sign" in caplog.text
    announce(tmp_path, {"webhook": {"conn_id": "hook", "secret_conn_id": "key"}})
    (post,) = inbox.posts
    assert post.headers["Authorization"].startswith("Basic ")
    assert webhook_signature.is_signed(
        post.headers[webhook_signature.HEADER], post.body, "sesame", now=int(time.time())
    )


def test_any_notifier_of_airflows_with_the_event_in_its_templates(tmp_path: Path) -> None:
    text = "{{ promotion.kind.value }} {{ promotion.version }}: {{ promotion_message.title }}"
    kwargs = {"path": str(tmp_path / "told"), "text": text}
    announce(tmp_path, {"notifier": {"class": "tests.plugins.own_notifier.FileNotifier", "kwargs": kwargs}})
    assert (tmp_path / "told").read_text() == (
        "promoted 2026110501: bert_sentiment: promoted 2026110501, data date 2026-11-05\n"
    )


def test_an_event_is_announced_once(mailbox: Mailbox, inbox: Inbox, tmp_path: Path) -> None:
    for _ in range(2):
        announce(tmp_path, MAIL, SLACK, WEBHOOK)
    assert (len(mailbox.messages), len(inbox.posts)) == (1, 2)
    announce(tmp_path, SLACK, promotion=event(position=8))
    assert len(inbox.posts) == 3


def test_a_channel_is_notified_only_of_the_kinds_of_its_setting(inbox: Inbox, tmp_path: Path) -> None:
    only = {**SLACK, "on": ["rolled_back"]}
    announce(tmp_path, only)
    announce(tmp_path, SLACK, promotion=event(kind="unchanged", version=None))
    assert inbox.posts == []
    announce(tmp_path, only, promotion=rolled_back())
    assert json.loads(inbox.posts[0].body)["text"].startswith("*rolled back to 2026110401*\n")


def test_without_channels_the_ledger_is_not_read(tmp_path: Path) -> None:
    NotificationDispatcher(client(tmp_path, tfx_python=Path("/nowhere")), ()).announce(event(), context())


@pytest.mark.parametrize("statuses", [[500], [503, 429]])
def test_a_receiver_that_is_busy_is_tried_again(inbox: Inbox, tmp_path: Path, statuses: list[int]) -> None:
    inbox.statuses = [*statuses]
    announce(tmp_path, WEBHOOK)
    assert len(inbox.posts) == len(statuses) + 1
    assert len({post.headers["Idempotency-Key"] for post in inbox.posts}) == 1


def test_a_mail_server_that_is_busy_is_tried_again(mailbox: Mailbox, tmp_path: Path) -> None:
    mailbox.refuse = 2
    announce(tmp_path, MAIL)
    assert len(mailbox.messages) == 1


@pytest.mark.parametrize("status", [301, 400, 403, 410])
def test_a_refused_delivery_is_not_retried(
    inbox: Inbox, tmp_path: Path, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    inbox.statuses = [status, status, status]
    with pytest.raises(
        NotificationError, match="these channels were not notified: slack:slack; the log has the reasons"
    ):
        announce(tmp_path, SLACK)
    assert len(inbox.posts) == 1
    assert f"connection slack: HTTP {status}; allowed: 2xx" in caplog.text
    assert "token" not in caplog.text


def test_one_channel_fails_and_the_others_are_notified_once(
    mailbox: Mailbox, inbox: Inbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mailbox.refuse = 3
    with pytest.raises(NotificationError, match=r"these channels were not notified: smtp:mail; .* The others were"):
        announce(tmp_path, MAIL, SLACK, WEBHOOK)
    assert "channel smtp:mail was not notified: connection mail: SMTPDataError: (451" in caplog.text
    assert len(inbox.posts) == 2
    announce(tmp_path, MAIL, SLACK, WEBHOOK)
    assert (len(mailbox.messages), len(inbox.posts)) == (1, 2)


def test_nobody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        connect(monkeypatch, "slack", "http", taken.getsockname()[1], password="T0/B0/token")
        connect(monkeypatch, "mail", "smtp", taken.getsockname()[1], extra={"disable_ssl": True})
        with pytest.raises(NotificationError, match="these channels were not notified: slack:slack, smtp:mail"):
            announce(tmp_path, SLACK, MAIL)
    assert "slack:slack was not notified: connection slack: no answer: ConnectionRefusedError" in caplog.text
    assert "smtp:mail was not notified: connection mail: ConnectionRefusedError" in caplog.text
    assert "token" not in caplog.text


def test_a_delivery_that_cannot_be_recorded_is_an_error(
    inbox: Inbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = client(tmp_path)

    class Full:
        delivered = ledger.delivered

        def deliver(self, _position: int, _channel: str) -> None:
            raise OSError("disk full")

    with pytest.raises(NotificationError, match="these channels were not notified: slack:slack"):
        NotificationDispatcher(Full(), channels(SLACK), DeliveryRetryPolicy(tries=1)).announce(event(), context())
    assert len(inbox.posts) == 1
    assert "channel slack:slack was not recorded as notified, although it was: OSError: disk full" in caplog.text


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"slack": {"conn_id": "nobody"}}, "Airflow has no connection 'nobody'"),
        ({"smtp": {"to": "a@b", "conn_id": "nobody"}}, "Airflow has no connection 'nobody'"),
        ({"slack": {"conn_id": "empty"}}, "connection empty has no address"),
        ({"webhook": {"conn_id": "empty"}}, "connection empty has no password to sign with"),
        ({"webhook": {"conn_id": "blank"}}, "connection blank has no password to sign with"),
        ({"notifier": {"class": "nowhere.Notifier"}}, "notifier nowhere.Notifier cannot be made: ModuleNotFoundError"),
        ({"notifier": {"class": "Notifier"}}, "notifier Notifier cannot be made: ValueError"),
        ({"notifier": {"class": "pathlib.Path"}}, "pathlib.Path is no notifier but a PosixPath"),
        (
            {"notifier": {"class": "tests.plugins.own_notifier.FileNotifier", "kwargs": {"way": 1}}},
            "cannot be made: TypeError: .*unexpected keyword argument 'way'",
        ),
    ],
)
def test_a_channel_that_is_set_up_wrongly_says_what_to_do(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    entry: dict[str, Any],
    message: str,
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_EMPTY", json.dumps({"conn_type": "http"}))
    monkeypatch.setenv("AIRFLOW_CONN_BLANK", json.dumps({"conn_type": "http", "password": " \n"}))
    with pytest.raises(NotificationError, match="these channels were not notified"):
        announce(tmp_path, entry)
    assert re.search(message, caplog.text)
    assert "try 1 of" not in caplog.text


# On other DAGs


def test_a_notifier_on_a_dag_that_a_promotion_has_triggered(inbox: Inbox) -> None:
    change = SimpleNamespace(extra=event(version=2026110502).to_json())
    triggered: Any = {"triggering_asset_events": {"asset": [change]}}
    SlackNotifier(conn_id="slack")(triggered)
    assert "promoted 2026110502" in json.loads(inbox.posts[0].body)["text"]


def test_a_notifier_with_an_event_of_its_own(inbox: Inbox) -> None:
    SlackNotifier(conn_id="slack", event=rolled_back())(context(event()))
    assert "rolled back to 2026110401" in json.loads(inbox.posts[0].body)["text"]


def test_a_notifier_without_a_promotion(inbox: Inbox) -> None:
    with pytest.raises(NotificationRefusedError, match="the context has no promotion event"):
        SlackNotifier(conn_id="slack")(context())
    assert inbox.posts == []
