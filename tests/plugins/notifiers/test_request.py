"""Channels are told that a request waits for a person: each of them once, whatever becomes of the task's tries."""

import datetime as dt
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow_bert_service.notifiers.dispatcher import DeliveryRetryPolicy
from airflow_bert_service.notifiers.request import RequestNotifier, forget_request
from airflow_bert_service.promotion.approval import Proposal, waiting
from airflow_bert_service.promotion.events import PromotionEvent

from tests.plugins.promotions import channels
from tests.plugins.state_store import Store
from tests.support.web_inbox import Inbox, listening

RUN_ID = "scheduled__2026-11-06T00:00:00+00:00"
PROPOSAL = Proposal(
    dag_id="bert",
    run_id=RUN_ID,
    data_date="2026-11-05",
    first_day="2026-10-23",
    model_uri="/var/pipeline/Trainer/model/7",
    model_digest="c0de",
    champion=2026110401,
    reason="accuracy 0.910 > 0.874 of 2026110401 on sample-v1",
    metrics={"sets": [{"name": "sample-v1", "n": 400, "accuracy": 0.91, "champion_accuracy": 0.874}]},
)
TWO = ({"webhook": {"conn_id": "hook"}}, {"slack": {"conn_id": "slack"}})


@pytest.fixture
def inbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Inbox]:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.org/bert")
    with listening() as box:
        for name in ("hook", "slack"):
            said = {"conn_type": "http", "host": "127.0.0.1", "port": box.port, "password": "sesame"}
            monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(said))
        yield box


def told(at: dt.datetime) -> PromotionEvent:
    return waiting(PROPOSAL, at=at, actor="scheduled", wait=dt.timedelta(hours=24), timeout_promotes=False)


def wait(store: Store, *entries: dict[str, Any], cleared: int = 0) -> None:
    """Begin to wait, as a try of the task does."""
    ti = SimpleNamespace(dag_id="bert", run_id=RUN_ID, task_id="Approval")
    context: Any = {"ti": ti, "dag": DAG("bert", schedule=None), "task_state_store": store}
    context["dag_run"] = SimpleNamespace(clear_number=cleared)
    policy = DeliveryRetryPolicy(tries=2, pause=0.01)
    RequestNotifier(waiting=told, channels=channels(*entries), delivery_retry_policy=policy)(context)


def test_the_message_has_the_verdict_the_numbers_the_time_limit_and_where_to_answer(inbox: Inbox) -> None:
    wait(Store(), TWO[0])
    (post,) = inbox.posts
    body = json.loads(post.body)
    page = "https://airflow.example.org/bert/dags/bert/runs/scheduled__2026-11-06T00%3A00%3A00%2B00%3A00"
    assert (body["kind"], body["title"]) == ("waiting", "bert: waits for approval, data date 2026-11-05")
    assert body["links"]["Answer"] == f"{page}/tasks/Approval/required_actions"
    assert body["links"]["Run"] == page
    asked = dt.datetime.fromisoformat(body["at"])
    assert post.headers["Idempotency-Key"] == f"bert.waiting.{int(asked.timestamp())}"
    asking, *rows = body["text"].splitlines()
    assert asking == f"waits for approval: {PROPOSAL.reason}; without an answer within 24 hours it is rejected"
    assert rows[:5] == [
        "",
        "In service before: 2026110401",
        "Data: 2026-10-23 to 2026-11-05",
        f"Run id: {RUN_ID}",
        f"Asked: {asked:%Y-%m-%d %H:%M:%S} UTC, scheduled",
    ]
    assert "Measured on sample-v1: accuracy 0.910, champion 0.874, n = 400" in body["text"]


def test_each_channel_is_told_once_and_one_that_failed_at_the_next_try(
    inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store()
    inbox.statuses = [204, 500, 500]  # the webhook's; both tries of Slack's
    wait(store, *TWO)
    assert "the request waits, but these channels were not notified: slack:slack" in caplog.text
    assert [post.path for post in inbox.posts] == ["/", "/sesame", "/sesame"]
    wait(store, *TWO)
    wait(store, *TWO)
    assert [post.path for post in inbox.posts[3:]] == ["/sesame"]


def test_a_request_after_an_answer_that_was_not_recorded_is_another_one(inbox: Inbox) -> None:
    store = Store()
    context: Any = {"task_state_store": store}
    wait(store, TWO[0])
    forget_request(context)
    wait(store, TWO[0])
    assert len(inbox.posts) == 2


def test_a_task_that_was_cleared_while_it_waited_asks_anew(inbox: Inbox) -> None:
    store = Store()
    wait(store, TWO[0])
    wait(store, TWO[0], cleared=1)
    wait(store, TWO[0], cleared=1)
    assert len(inbox.posts) == 2


def test_a_channel_that_does_not_want_requests_gets_none(inbox: Inbox) -> None:
    wait(Store(), {**TWO[0], "on": ["promoted"]})
    assert inbox.posts == []


def test_the_request_waits_also_where_the_store_of_states_does_not_answer(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Store):
        def get(self, key: str, default: Any = None) -> Any:
            raise OSError(f"no route to {key}, {default}")

    wait(Broken(), TWO[0])
    forget_request({"task_state_store": Broken()})  # type: ignore[typeddict-item]
    assert "the request waits, but no channel was notified of it" in caplog.text
