"""The task that says whether a run's model went live: on its log, and to a webhook."""

import dataclasses
import datetime as dt
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization
from airflow.utils.types import DagRunType
from bert_service.exceptions import OutcomeError
from bert_service.operators.promotion import PromotionNotifyOperator

from tests.support.loopback import serving

ROOT = Path(__file__).parents[2]
UTC = dt.timezone.utc
MODEL = "/var/models/bert_sentiment/1730764800"
Outcome = dict[str, Any]


def pushed(**properties: Any) -> Outcome:
    artifact = {"id": 5, "type": "PushedModel", "uri": "/var/pipeline/Pusher/5", "properties": properties}
    return {
        "node": "Pusher",
        "state": "complete",
        "execution_id": 12,
        "outputs": {"pushed_model": [artifact]},
        "reason": "",
    }


def gate(node: str, reason: str = "") -> Outcome:
    return {"node": node, "state": "complete", "execution_id": 11, "outputs": {}, "reason": reason}


PUSHED = pushed(pushed=1, pushed_version="1730764800", pushed_destination=MODEL)
PASSED = {"Evaluator": gate("Evaluator"), "InfraValidator": gate("InfraValidator")}
NOT_BLESSED = {**PASSED, "Evaluator": gate("Evaluator", "not blessed: accuracy 0.612 < floor 0.7")}


def context(returned: dict[str, Outcome]) -> Any:
    """A run for the 5th whose tasks returned these outcomes; a task that was skipped returned none."""
    moment = dt.datetime(2026, 11, 5, tzinfo=UTC)
    run = SimpleNamespace(
        dag_id="bert_sentiment",
        run_type=DagRunType.MANUAL,
        run_after=moment,
        logical_date=moment,
        data_interval_start=moment,
    )
    pull = SimpleNamespace(xcom_pull=lambda *, task_ids: returned.get(task_ids))
    return {"dag_run": run, "params": {}, "run_id": "manual__2026-11-05", "ti": pull}


def notify(returned: dict[str, Outcome], **arguments: str) -> dict[str, Any]:
    return PromotionNotifyOperator(task_id="notify_promotion", **arguments).execute(context(returned))


def test_a_pushed_model(capfd: pytest.CaptureFixture[str]) -> None:
    assert notify({**PASSED, "Pusher": PUSHED}) == {
        "event": "promotion",
        "promoted": True,
        "version": "1730764800",
        "data_date": "2026-11-05",
        "dag_id": "bert_sentiment",
        "run_id": "manual__2026-11-05",
        "model_uri": MODEL,
        "reason": "",
    }
    assert f"promoted: version 1730764800, data date 2026-11-05, {MODEL}" in capfd.readouterr().out


def test_a_model_that_was_not_blessed(capfd: pytest.CaptureFixture[str]) -> None:
    told = notify(NOT_BLESSED)
    assert (told["promoted"], told["version"], told["model_uri"]) == (False, "", "")
    assert told["reason"] == "not blessed: accuracy 0.612 < floor 0.7"
    line = "not promoted: data date 2026-11-05: not blessed: accuracy 0.612 < floor 0.7"
    assert line in capfd.readouterr().out


def test_a_model_that_cannot_be_served() -> None:
    returned = {**PASSED, "InfraValidator": gate("InfraValidator", "not blessed: no answer within 60 s")}
    assert notify(returned)["reason"] == "not blessed: no answer within 60 s"


def test_both_gates_have_something_to_say() -> None:
    returned = {name: gate(name, f"{name} says no") for name in PASSED}
    assert notify(returned)["reason"] == "Evaluator says no; InfraValidator says no"


def test_a_pushers_own_reason_comes_first() -> None:
    not_pushed = {**pushed(pushed=0), "reason": "the destination has this version"}
    assert notify({**NOT_BLESSED, "Pusher": not_pushed})["reason"] == "the destination has this version"


def test_nobody_gave_a_reason() -> None:
    assert notify(PASSED)["reason"] == "no gate gave a reason; see the logs of the tasks before the Pusher"


def test_tasks_of_other_names() -> None:
    names = {"pusher_task_id": "a.Pusher", "evaluator_task_id": "a.Evaluator", "infra_validator_task_id": "a.Infra"}
    assert notify({"a.Pusher": PUSHED}, **names)["promoted"]
    assert notify({"a.Evaluator": gate("Evaluator", "too weak")}, **names)["reason"] == "too weak"


def test_a_push_that_does_not_say_what_it_pushed() -> None:
    with pytest.raises(OutcomeError, match="pushed but has no pushed_version; it has pushed, pushed_destination"):
        notify({**PASSED, "Pusher": pushed(pushed=1, pushed_destination=MODEL)})


# The webhook


@dataclasses.dataclass
class Webhook:
    """A web server that keeps what is posted to it, and answers with a status of one's choice."""

    port: int = 0
    status: int = 204
    posts: list[tuple[str, dict[str, str], Any]] = dataclasses.field(default_factory=list)


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    told = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.posts.append((self.path, dict(self.headers), json.loads(body)))
            self.send_response(told.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with serving(Handler) as told.port:
        yield told


def connection(port: int, **more: Any) -> str:
    return json.dumps({"conn_type": "http", "host": "127.0.0.1", "port": port, **more})


def test_the_webhook_gets_the_event_as_json(
    webhook: Webhook, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    more = {"login": "airflow", "password": "sesame", "extra": {"X-Team": "sentiment"}}
    monkeypatch.setenv("AIRFLOW_CONN_CHAT", connection(webhook.port, **more))
    returned = notify({**PASSED, "Pusher": PUSHED}, webhook_conn_id="chat")
    ((path, headers, body),) = webhook.posts
    assert (path, body) == ("/", returned)
    assert headers["Content-Type"] == "application/json"
    assert headers["Authorization"].startswith("Basic ")
    assert headers["X-Team"] == "sentiment"
    assert "webhook chat was told: HTTP 204" in capfd.readouterr().out


def test_without_a_connection_nobody_is_told(webhook: Webhook) -> None:
    notify({**PASSED, "Pusher": PUSHED})
    assert webhook.posts == []


@pytest.mark.parametrize("status", [403, 500])
def test_a_webhook_that_refuses_is_an_error_in_the_log_and_fails_nothing(
    webhook: Webhook, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], status: int
) -> None:
    webhook.status = status
    monkeypatch.setenv("AIRFLOW_CONN_CHAT", connection(webhook.port))
    assert notify(NOT_BLESSED, webhook_conn_id="chat")["promoted"] is False
    log = capfd.readouterr().out
    assert "webhook chat was not told" in log
    assert str(status) in log


def test_a_webhook_that_is_not_there(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        monkeypatch.setenv("AIRFLOW_CONN_CHAT", connection(taken.getsockname()[1]))
        assert notify({**PASSED, "Pusher": PUSHED}, webhook_conn_id="chat")["promoted"] is True
    assert "webhook chat was not told: ConnectionError" in capfd.readouterr().out


def test_a_connection_that_is_no_address(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_CHAT", json.dumps({"conn_type": "http"}))
    assert notify({**PASSED, "Pusher": PUSHED}, webhook_conn_id="chat")["promoted"] is True
    assert "webhook chat was not told: InvalidURL" in capfd.readouterr().out


def test_airflow_can_keep_the_task() -> None:
    with DAG("news", schedule=None) as dag:
        PromotionNotifyOperator(task_id="notify_promotion", webhook_conn_id="chat", trigger_rule="none_failed")
    kept = DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag))))
    assert kept.get_task("notify_promotion").trigger_rule == "none_failed"


# In Airflow

DAG_FILE = """
import datetime as dt
import json
import sys
from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowSkipException
from airflow.timetables.interval import CronDataIntervalTimetable
from bert_service.operators.promotion import PromotionNotifyOperator
from bert_service.operators.refresh import DataRefreshOperator
from bert_service.settings import settings_from

@task(task_id="Evaluator")
def evaluator():
    return {"node": "Evaluator", "outputs": {}, "reason": "not blessed: accuracy 0.612 < floor 0.7"}

@task(task_id="Pusher")
def pusher():
    raise AirflowSkipException("not pushed")

START = dt.datetime(2026, 10, 16, tzinfo=dt.timezone.utc)
TIMETABLE = CronDataIntervalTimetable("0 0 * * *", timezone="UTC")
with DAG("promotion", schedule=TIMETABLE, start_date=START, catchup=False, params={"data_date": None}) as dag:
    refresh = DataRefreshOperator(task_id="refresh_data", settings=settings_from({"root": ROOT, "window_days": "2"}))
    notify = PromotionNotifyOperator(task_id="notify_promotion", webhook_conn_id="chat", trigger_rule="none_failed")
    refresh >> evaluator() >> pusher() >> notify

if __name__ == "__main__":
    run = dag.test(logical_date=dt.datetime(2026, 11, 5, tzinfo=dt.timezone.utc))
    states = {ti.task_id: str(ti.state) for ti in run.get_task_instances()}
    print(json.dumps({"state": str(run.state), "tasks": states}))
"""


@pytest.mark.slow
def test_a_run_in_airflow_refreshes_its_days_and_tells_that_the_pusher_was_skipped(
    tmp_path: Path, webhook: Webhook
) -> None:
    feed = tmp_path / "data" / "sample_reviews.csv"
    feed.parent.mkdir()
    days = [f"{n},2026-11-0{n},Film {n}.,positive\n" for n in range(1, 7)]
    feed.write_text("id,date,review,sentiment\n" + "".join(days))
    (tmp_path / "data" / "holdout").mkdir()
    (tmp_path / "data" / "holdout" / "sample-v1.csv").write_text("review,sentiment\nHeld out.,positive\n")
    file = tmp_path / "dags" / "promotion.py"
    file.parent.mkdir()
    file.write_text(f"ROOT = {str(tmp_path)!r}\n{DAG_FILE}")
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(file.parent),
        "AIRFLOW_CONN_CHAT": connection(webhook.port),
        "PYTHONPATH": str(ROOT / "plugins"),
    }
    for command in (["-m", "airflow", "db", "migrate"], [str(file)]):
        done = subprocess.run(
            [sys.executable, *command], env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "state": "success",
        "tasks": {
            "refresh_data": "success",
            "Evaluator": "success",
            "Pusher": "skipped",
            "notify_promotion": "success",
        },
    }
    assert sorted(path.name for path in (tmp_path / "var" / "spans").glob("*-*-*")) == ["2026-11-04", "2026-11-05"]
    ((_, _, body),) = webhook.posts
    assert (body["promoted"], body["data_date"], body["dag_id"]) == (False, "2026-11-05", "promotion")
    assert body["reason"] == "not blessed: accuracy 0.612 < floor 0.7"
