"""The operator turns outcomes into what Airflow understands; the node is a real child process."""

import os
import re
import signal
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
)
from airflow.sdk.log import mask_secret
from airflow_bert_service.exceptions import NodeCancelledError, OutcomeError, SettingsError
from airflow_bert_service.nodes.environment import NodeEnvironment
from airflow_bert_service.operators.node import TfxNodeOperator
from airflow_bert_service.runs.annotations import FAILURE, REPORT, STORED_AS, VERDICT
from airflow_bert_service.runs.running_task import recording_failure

from tests.plugins.environments import environment
from tests.plugins.tries import MadeUpTry

BLOCKED = "blocked: split train: review has 3 missing values"
TRY = MadeUpTry()
CONTEXT: Any = {"run_id": TRY.run_id, "ti": TRY}


@pytest.fixture(name="environment")
def fresh_process(tmp_path: Path) -> NodeEnvironment:
    return environment(tmp_path)


@pytest.fixture(autouse=True)
def nothing_left() -> None:
    TRY.begin_again()


def pusher(environment: NodeEnvironment, **parameters: str) -> TfxNodeOperator:
    return TfxNodeOperator(task_id="Pusher", tfx_node="Pusher", environment=environment, parameters=parameters)


@pytest.mark.parametrize("state", ["complete", "cached", "reused"])
def test_success_returns_addresses_and_no_data(environment: NodeEnvironment, state: str) -> None:
    assert pusher(environment, act=state).execute(CONTEXT) == {
        "node": "Pusher",
        "state": state,
        "execution_id": 7,
        "outputs": {
            "model": [
                {
                    "id": 5,
                    "type": "Model",
                    "uri": f"{environment.pipeline_root}/Trainer/model/7",
                    "properties": {"pushed": 1},
                }
            ]
        },
        "reason": "",
    }


@pytest.mark.parametrize(
    ("state", "error", "reason"),
    [
        ("skipped", AirflowSkipException, "the model is not blessed: accuracy 0.612 < floor 0.7"),
        ("blocked", AirflowFailException, BLOCKED),
        ("failed", AirflowException, "out of memory"),
    ],
)
def test_other_ends_raise_and_the_reason_is_the_last_line_of_the_log(
    environment: NodeEnvironment,
    capfd: pytest.CaptureFixture[str],
    state: str,
    error: type[AirflowException],
    reason: str,
) -> None:
    with pytest.raises(error, match=reason) as raised:
        pusher(environment, act=state).execute(CONTEXT)
    assert raised.type is error
    assert reason in capfd.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize("state", ["complete", "cached", "reused", "skipped", "failed"])
def test_only_a_gate_puts_its_reason_on_the_runs_note(environment: NodeEnvironment, state: str) -> None:
    with suppress(AirflowException):
        pusher(environment, act=state).execute(CONTEXT)
    assert VERDICT not in TRY.left


def test_secrets_that_airflow_knows_are_not_in_the_error_that_is_left() -> None:
    mask_secret("open-sesame")
    with pytest.raises(LookupError), recording_failure(CONTEXT):
        raise LookupError("no such host: bert:open-sesame@db")
    assert TRY.left == {FAILURE: "no such host: bert:***@db"}


def test_the_error_is_kept_in_characters_that_every_database_takes() -> None:
    with pytest.raises(LookupError), recording_failure(CONTEXT):
        raise LookupError("columns a\0b, \udce9")
    assert TRY.left == {FAILURE: r"columns a\x00b, \udce9"}


def test_a_failed_task_leaves_its_error_for_notify_promotion(environment: NodeEnvironment) -> None:
    with pytest.raises(AirflowException, match="out of memory"):
        pusher(environment, act="failed").execute(CONTEXT)
    assert TRY.left == {FAILURE: "out of memory"}
    TRY.begin_again()
    with pytest.raises(OutcomeError, match="SIGKILL"):
        pusher(environment, act="crash").execute(CONTEXT)
    assert TRY.left[FAILURE].startswith("node 'Pusher' ended with signal SIGKILL")
    TRY.begin_again()
    with pytest.raises(AirflowSkipException):
        pusher(environment, act="skipped").execute(CONTEXT)
    assert TRY.left == {}


@pytest.mark.parametrize(("state", "verdict"), [("complete", {}), ("blocked", {VERDICT: BLOCKED, FAILURE: BLOCKED})])
def test_a_node_that_makes_a_report_says_where_it_is(
    environment: NodeEnvironment, state: str, verdict: dict[str, str]
) -> None:
    task = TfxNodeOperator(
        task_id="ExampleValidator",
        tfx_node="ExampleValidator",
        environment=environment,
        parameters={"act": "report", "state": state},
        report_output="anomalies",
    )
    with suppress(AirflowFailException):
        task.execute(CONTEXT)
    folder = environment.pipeline_root / "ExampleValidator" / "anomalies" / "7"
    assert TRY.left == {REPORT: f"{folder}/report.html", **verdict}


def test_the_report_of_a_stored_artifact_is_known_by_path_and_name_and_not_by_an_address(
    environment: NodeEnvironment,
) -> None:
    TfxNodeOperator(
        task_id="ExampleValidator",
        tfx_node="ExampleValidator",
        environment=replace(environment, artifact_store="s3://bucket/artifacts"),
        parameters={"act": "report", "state": "complete"},
        report_output="anomalies",
    ).execute(CONTEXT)
    folder = environment.pipeline_root / "ExampleValidator" / "anomalies" / "7"
    assert TRY.left == {REPORT: f"{folder}/report.html", STORED_AS: "abc"}


def test_the_verdict_stays_when_its_annotation_cannot_be_written(
    environment: NodeEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "annotations").write_text("a file, where a folder should be")
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__STATE", str(tmp_path))
    with pytest.raises(AirflowFailException, match=BLOCKED):
        pusher(environment, act="blocked").execute(CONTEXT)
    assert "the text verdict of the task was not kept: [Errno 20] Not a directory" in caplog.text


def test_the_nodes_log_is_the_tasks_log(environment: NodeEnvironment, capfd: pytest.CaptureFixture[str]) -> None:
    pusher(environment, act="complete").execute(CONTEXT)
    assert "Pusher runs for manual__2026-11-05" in capfd.readouterr().out


def test_a_nodes_warning_is_a_warning_with_one_time_stamp(
    environment: NodeEnvironment, capfd: pytest.CaptureFixture[str]
) -> None:
    pusher(environment, act="warn").execute(CONTEXT)
    log = capfd.readouterr().out
    for level, text in (("warning", "no GPU"), ("error", "Traceback (most recent call last):"), ("info", "printed")):
        assert re.search(rf"Z \[{level} *\] {re.escape(text)} ", log)
    assert "2026-11-05T12:00:00Z" not in log


def test_a_crash_is_an_error_that_is_tried_again(environment: NodeEnvironment) -> None:
    with pytest.raises(OutcomeError, match="ended with signal SIGKILL") as raised:
        pusher(environment, act="crash").execute(CONTEXT)
    assert not isinstance(raised.value, AirflowFailException)


def test_airflows_sigterm_kills_the_node_and_execute_raises(environment: NodeEnvironment, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    task = pusher(environment, act="hang", pids=str(pids))

    def terminate() -> None:
        while not pids.exists():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, lambda *_: task.on_kill())
    threading.Thread(target=terminate).start()
    with pytest.raises(NodeCancelledError, match="node 'Pusher' was killed"):
        task.execute(CONTEXT)
    signal.signal(signal.SIGTERM, before)
    for pid in pids.read_text().split():
        assert not Path(f"/proc/{pid}").exists() or "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()


def test_on_kill_before_execute_does_nothing(environment: NodeEnvironment) -> None:
    pusher(environment, act="complete").on_kill()


def test_parameters_and_cache_are_templates(environment: NodeEnvironment) -> None:
    task = TfxNodeOperator(
        task_id="Trainer",
        tfx_node="Trainer",
        environment=environment,
        parameters={"act": "{{ params.act }}"},
        use_cache="{{ params.use_cache }}",
    )
    context: Any = {**CONTEXT, "params": {"act": "complete", "use_cache": False}}
    task.render_template_fields(context)
    assert (task.parameters, task.use_cache) == ({"act": "complete"}, "False")
    assert task.execute(context)["state"] == "complete"


@pytest.mark.parametrize("value", ["", None, 3])
def test_parameters_are_checked_when_the_task_runs(environment: NodeEnvironment, value: Any) -> None:
    with pytest.raises(SettingsError, match=rf"parameter 'act' of the node became {value!r}; allowed: a text"):
        pusher(environment, act=value).execute(CONTEXT)


def test_use_cache_is_checked_when_the_task_runs(environment: NodeEnvironment) -> None:
    task = TfxNodeOperator(task_id="T", tfx_node="T", environment=environment, parameters={}, use_cache="perhaps")
    with pytest.raises(SettingsError, match=r"use_cache became 'perhaps'; allowed: True, False"):
        task.execute(CONTEXT)
