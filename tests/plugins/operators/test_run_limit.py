"""A run that Airflow stops at its time limit is announced by the DAG's callback, since all its tasks are skipped."""

import datetime as dt
import json
import logging
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.utils.types import DagRunType
from airflow_bert_service.exceptions import NotificationError
from airflow_bert_service.notifiers.dispatcher import DeliveryRetryPolicy
from airflow_bert_service.operators.run_limit import RunLimitCallback
from airflow_bert_service.settings.settings import settings_from

from tests.plugins.conftest import MODULE_ROOT
from tests.plugins.promotions import PROMOTED
from tests.support.web_inbox import Inbox, listening

DAY = dt.datetime(2026, 11, 5, tzinfo=dt.timezone.utc)
RUN_ID = "scheduled__2026-11-05"
REASON = "time limit: the run may take 1 day, 0:00:00, and was stopped in Trainer. Look for what it waited for; the "


def stop(
    state: Path, inbox: Inbox, monkeypatch: pytest.MonkeyPatch, *, mode: str = "full", **changes: object
) -> list[dict[str, Any]]:
    """Call the callback as the DAG processor does; return the ledger's events."""
    (state / "ledger").mkdir(exist_ok=True)
    connection = {"conn_type": "http", "host": "127.0.0.1", "port": inbox.port, "password": "sesame"}
    monkeypatch.setenv("AIRFLOW_CONN_HOOK", json.dumps(connection))
    notifications = '[{"webhook": {"conn_id": "hook"}}]'
    callback = RunLimitCallback(
        settings=settings_from(
            {"state": str(state), "tfx_python": sys.executable, "notifications": notifications, "window_days": "14"}
        ),
        pipeline="bert_sentiment",
        module_root=MODULE_ROOT,
        delivery_retry_policy=DeliveryRetryPolicy(tries=1, pause=0.01),
    )
    run = SimpleNamespace(
        dag_id="bert_sentiment",
        run_type=DagRunType.SCHEDULED,
        run_after=DAY,
        logical_date=DAY,
        data_interval_start=DAY,
        conf=None,
        triggering_user_name=None,
    )
    context: Any = {
        "dag": DAG("bert_sentiment", dagrun_timeout=dt.timedelta(days=1)),
        "run_id": RUN_ID,
        "reason": "timed_out",
        "dag_run": run,
        "params": {"mode": mode, "data_date": None},
        "ti": SimpleNamespace(dag_id="bert_sentiment", run_id=RUN_ID, task_id="Trainer"),
        **changes,
    }
    callback({name: value for name, value in context.items() if value is not None})  # type: ignore[arg-type]
    ledger = state / "ledger" / "ledger.db"
    events: list[dict[str, Any]] = json.loads(ledger.read_text())["events"] if ledger.exists() else []
    return events


def test_ledger_and_channels_have_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as inbox:
        (event,) = stop(tmp_path, inbox, monkeypatch)
        assert (event["kind"], event["data_date"], event["first_day"]) == ("failed", "2026-11-05", "2026-10-23")
        assert (event["run_id"], event["actor"]) == (RUN_ID, "scheduled")
        assert event["reason"].startswith(REASON)
        assert [json.loads(post.body)["reason"] for post in inbox.posts] == [event["reason"]]
        assert (tmp_path / "ledger" / "settled").exists()

        assert stop(tmp_path, inbox, monkeypatch) == [event], "the processor called it again"
        assert len(inbox.posts) == 1


def test_a_run_that_promoted_before_it_was_stopped_is_announced_as_promoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ledger").mkdir()
    promoted = {**PROMOTED, "position": 1, "run_id": RUN_ID}
    (tmp_path / "ledger" / "ledger.db").write_text(json.dumps({"events": [promoted], "deliveries": {}}))
    with listening() as inbox:
        assert stop(tmp_path, inbox, monkeypatch) == [promoted]
        assert [json.loads(post.body)["kind"] for post in inbox.posts] == ["promoted"]


@pytest.mark.parametrize(
    "changes", [{"reason": "task_failure"}, {"reason": "all_tasks_deadlocked"}, {"mode": "data_only"}]
)
def test_other_runs_are_left_to_the_task_that_announces_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    with listening() as inbox:
        assert stop(tmp_path, inbox, monkeypatch, **changes) == []
        assert inbox.posts == []


def test_a_channel_that_fails_leaves_the_event_in_the_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as inbox:
        inbox.statuses = [503]
        with pytest.raises(NotificationError, match="these channels were not notified: webhook:hook"):
            stop(tmp_path, inbox, monkeypatch)
        (event,) = stop(tmp_path, inbox, monkeypatch)
        assert event["reason"].startswith(REASON)


def test_where_airflow_does_not_say_more_the_log_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with listening() as inbox, caplog.at_level(logging.ERROR):
        assert stop(tmp_path, inbox, monkeypatch, dag_run=None, ti=None) == []
    assert f"run {RUN_ID} was stopped at its time limit; Airflow does not say more" in caplog.text
