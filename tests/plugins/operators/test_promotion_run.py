"""Runs in Airflow: how each is announced, and that announcing does not change a run's state."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from airflow.models.asset import AssetDagRunQueue, AssetEvent
from airflow.utils.session import create_session
from airflow_bert_service.runs.annotations import VERDICT, AnnotationStore, in_order
from sqlalchemy import delete, select

from tests.plugins.gate_run import migrate, run_dag
from tests.support.web_inbox import listening

pytestmark = pytest.mark.slow

PROMOTED = "promoted 2026110501: accuracy 0.910 > 0.874 of 2026110401 on sample-v1, p = 0.012"
BLOCKED = "blocked: accuracy 0.861 < 0.874 of 2026110401 on sample-v1, p = 0.012"


@dataclass(frozen=True)
class Ended:
    """A run that has ended."""

    state: str
    tasks: dict[str, str]
    log: str
    ledger: list[dict[str, Any]]
    news: list[tuple[str, str]]
    """The lines for the run's note, each with its task."""


@pytest.fixture(scope="module", autouse=True)
def _database() -> None:
    migrate()


def run(state: Path, *, channel: int | None = None, **parameters: str) -> Ended:
    """Run the DAG; again with the same folder: run its tasks again.

    Args:
        state: The run's state folder.
        channel: Port of the webhook; None: there is no channel.
        parameters: The run's.
    """
    (state / "ledger").mkdir(parents=True, exist_ok=True)
    connection = json.dumps({"conn_type": "http", "host": "127.0.0.1", "port": channel, "password": "sesame"})
    setting = {"AIRFLOW__BERT_SERVICE__NOTIFICATIONS": '[{"webhook": {"conn_id": "hook"}}]'} if channel else {}
    printed = run_dag(
        "promotion_dag.py",
        json.dumps(parameters),
        state=state,
        AIRFLOW__API__BASE_URL="https://airflow.example.org/",
        AIRFLOW_CONN_HOOK=connection,
        **setting,
    )
    told = json.loads(printed.splitlines()[-1])
    ledger = state / "ledger" / "ledger.db"
    events = json.loads(ledger.read_text())["events"] if ledger.exists() else []
    return Ended(told["state"], told["tasks"], printed, events, news(state, told["run_id"]))


def news(state: Path, run_id: str) -> list[tuple[str, str]]:
    left = AnnotationStore(state / "annotations").of_run("promotion", run_id)
    return [(one.task_id, text) for one, text in in_order(left, VERDICT)]


def asset_events() -> list[Any]:
    with create_session() as session:
        return [event.extra for event in session.scalars(select(AssetEvent).order_by(AssetEvent.id))]


def waiting_dags() -> list[str]:
    """DAGs that Airflow will run because an asset that they wait for has changed."""
    with create_session() as session:
        return list(session.scalars(select(AssetDagRunQueue.target_dag_id)))


def announced(log: str) -> str:
    return [line for line in log.splitlines() if "[airflow_bert_service.operators.announcement]" in line][-1]


def test_a_promoted_model_changes_its_asset_and_is_announced_once_although_the_channel_fails_at_first(
    tmp_path: Path,
) -> None:
    with create_session() as session:
        session.execute(delete(AssetDagRunQueue))
    before = len(asset_events())
    with listening() as inbox:
        inbox.statuses = [503, 503]  # as often as it is tried
        first = run(tmp_path, channel=inbox.port)
        assert first.state == "success"
        assert (first.tasks["notify_promotion"], first.tasks["promoted_model"]) == ("failed", "success")
        assert "channel webhook:hook was not notified: connection hook: HTTP 503" in first.log
        assert PROMOTED in announced(first.log)
        assert first.news == [("notify_promotion", PROMOTED)]
        # What a push has left undone is done when the run ends, whatever becomes of the message.
        assert (tmp_path / "ledger" / "settled").exists()
        (changed,) = asset_events()[before:]
        assert (changed["version"], changed["data_date"], changed["kind"]) == (2026110501, "2026-11-05", "promoted")
        assert (changed["champion"], changed["metrics"]["sets"][0]["accuracy"]) == (2026110401, 0.91)
        assert waiting_dags() == ["after_promotion"]

        again = run(tmp_path, channel=inbox.port)
        assert (again.state, set(again.tasks.values())) == ("success", {"success"})
        told = json.loads(inbox.posts[-1].body)
        assert (told["version"], len(inbox.posts)) == (2026110501, 3)
        page = "https://airflow.example.org/dags/promotion/runs/manual__2026-11-05T00%3A00%3A00%2B00%3A00"
        report = page.replace("/dags/", "/bert_service/reports/").replace("/runs/", "/")
        assert told["links"] == {
            "Run": page,
            "Task": f"{page}/tasks/notify_promotion",
            "Validation report": f"{report}/ExampleValidator",
        }

        cleared = run(tmp_path, channel=inbox.port)
        assert (cleared.state, set(cleared.tasks.values())) == ("success", {"success"})
        assert cleared.ledger == first.ledger
        assert len(inbox.posts) == 3
        assert len(asset_events()) == before + 1


def test_a_model_that_was_not_promoted(tmp_path: Path) -> None:
    before = len(asset_events())
    ended = run(tmp_path, pusher="blocked")
    assert ended.state == "success"
    assert ended.tasks == {
        "ExampleValidator": "success",
        "Trainer": "success",
        "Pusher": "skipped",
        "promoted_model": "skipped",
        "notify_promotion": "success",
    }
    assert ended.news == [("notify_promotion", BLOCKED)]
    assert BLOCKED in announced(ended.log)
    assert len(asset_events()) == before


def test_a_run_whose_trainer_failed_stays_failed_and_says_so(tmp_path: Path) -> None:
    ended = run(tmp_path, trainer="failed")
    assert ended.state == "failed"
    assert (ended.tasks["Pusher"], ended.tasks["promoted_model"]) == ("upstream_failed", "failed")
    assert ended.tasks["notify_promotion"] == "success"
    assert ended.news == [("notify_promotion", "failed: task Trainer failed: out of memory")]
    (event,) = ended.ledger
    assert (event["kind"], event["reason"]) == ("failed", "task Trainer failed: out of memory")
    assert (event["data_date"], event["first_day"]) == ("2026-11-05", "2026-10-23")

    mended = run(tmp_path)
    assert mended.state == "success"
    assert [event["kind"] for event in mended.ledger] == ["failed", "promoted"]
    assert mended.news == [("notify_promotion", PROMOTED)]


def test_a_run_that_the_gate_on_the_data_blocked_says_so_once(tmp_path: Path) -> None:
    ended = run(tmp_path, validator="blocked")
    reason = "split train: review has 3 missing values"
    assert (ended.state, ended.tasks["notify_promotion"]) == ("failed", "success")
    assert ended.news == [("ExampleValidator", f"blocked: {reason}")]
    assert [(event["kind"], event["reason"]) for event in ended.ledger] == [("blocked", reason)]


def test_a_data_only_run_needs_no_verdict_and_sends_no_message(tmp_path: Path) -> None:
    ended = run(tmp_path, mode="data_only")
    assert ended.state == "success"
    assert (ended.tasks["notify_promotion"], ended.tasks["promoted_model"]) == ("skipped", "skipped")
    assert (ended.ledger, ended.news) == ([], [])
