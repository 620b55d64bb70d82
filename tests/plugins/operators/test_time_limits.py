"""Tasks that take too long are stopped by Airflow's own limit, with what they have started, and say why."""

import datetime as dt
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.exceptions import AirflowTaskTimeout
from airflow.sdk.execution_time.timeout import timeout
from airflow.utils.types import DagRunType
from airflow_bert_service.operators.node import TfxNodeOperator
from airflow_bert_service.operators.refresh import DataRefreshOperator
from airflow_bert_service.runs.annotations import FAILURE
from airflow_bert_service.runs.listener import OPERATORS
from airflow_bert_service.runs.result import TaskEnd, explain
from airflow_bert_service.settings.settings import settings_from

from tests.plugins.environments import environment
from tests.plugins.tries import MadeUpTry

LIMIT = dt.timedelta(seconds=2)
REASON = (
    "time limit: one try may take 0:00:02, and was stopped. Look for what it waited for; the settings max_*_minutes in "
    "[bert_service] are the limits."
)
TRY = MadeUpTry()


def run_limited(task: BaseOperator, context: Any) -> None:
    """Run a task as Airflow's task runner does where the task has a time limit."""
    assert task.execution_timeout is not None
    try:
        with timeout(task.execution_timeout.total_seconds()):  # type: ignore[no-untyped-call]
            task.execute(context)
    except AirflowTaskTimeout:
        task.on_kill()
        raise


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.mark.parametrize("by_server", [False, True], ids=["process", "node server"])
@pytest.mark.parametrize("stubborn", [False, True])
def test_a_node_that_takes_too_long_is_ended_with_all_that_it_started(
    node_server: Path, tmp_path: Path, by_server: bool, stubborn: bool, caplog: pytest.LogCaptureFixture
) -> None:
    TRY.begin_again()
    pids = tmp_path / "pids"
    task = TfxNodeOperator(
        task_id="Trainer",
        tfx_node="Trainer",
        environment=environment(tmp_path, socket=node_server if by_server else None),
        parameters={"act": "hang", "pids": str(pids), **({"stubborn": "yes"} if stubborn else {})},
        execution_timeout=LIMIT,
    )

    with pytest.raises(AirflowTaskTimeout) as raised:
        run_limited(task, {"run_id": "manual__2026-11-05", "ti": TRY})

    assert str(raised.value) == REASON
    assert TRY.left == {FAILURE: REASON}
    assert REASON in caplog.text
    wait_until(lambda: not any(is_alive(int(pid)) for pid in pids.read_text().split()))


def test_a_feed_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    TRY.begin_again()
    (tmp_path / "data").mkdir()
    os.mkfifo(tmp_path / "data" / "sample_reviews.csv")  # reading waits for a writer, without end
    task = DataRefreshOperator(
        task_id="refresh_data", settings=settings_from({"root": str(tmp_path)}), execution_timeout=LIMIT
    )
    run = SimpleNamespace(run_type=DagRunType("manual"), logical_date=dt.datetime(2026, 11, 5, tzinfo=dt.timezone.utc))
    run.data_interval_start, run.run_after, run.conf = run.logical_date, run.logical_date, None

    with pytest.raises(AirflowTaskTimeout, match="time limit: one try may take 0:00:02"):
        run_limited(
            task,
            {
                "dag": DAG("bert_sentiment"),
                "dag_run": run,
                "params": {"data_date": None},
                "ti": TRY,
            },
        )

    assert TRY.left == {FAILURE: REASON}


def test_the_announcement_of_the_run_has_the_reason() -> None:
    _, reason = explain([TaskEnd(task_id="Trainer", state="failed", failure=REASON)])

    assert reason.startswith("task Trainer failed: time limit: one try may take 0:00:02, and was stopped.")


def test_the_listener_knows_the_operators_by_their_package() -> None:
    from airflow_bert_service.operators.node_container import TfxNodeDockerOperator
    from airflow_bert_service.operators.retention import RetentionOperator
    from airflow_bert_service.operators.rollback import RollbackOperator

    classes = (DataRefreshOperator, RetentionOperator, RollbackOperator, TfxNodeDockerOperator, TfxNodeOperator)

    assert {found.__module__.rpartition(".")[0] for found in classes} == {OPERATORS}
