"""Events of the ledger as this side reads them, and why a run has none."""

import datetime as dt
import json
from typing import Any

import pytest
from airflow_bert_service.exceptions import PromotionCommandError
from airflow_bert_service.promotion.events import EventKind, event_from
from airflow_bert_service.runs.result import NO_ERROR, TaskEnd, explain, explain_failure
from hypothesis import given
from hypothesis import strategies as st

from tests.plugins.promotions import PROMOTED, event, rolled_back


def test_an_event_is_read_and_written_as_the_command_prints_it() -> None:
    read = event()
    assert (read.kind, read.version, read.data_date) == (EventKind.PROMOTED, 2026110501, dt.date(2026, 11, 5))
    assert json.loads(json.dumps(read.to_json())) == PROMOTED


def test_an_event_of_no_run_and_without_measures() -> None:
    read = event_from({"position": 1, "at": PROMOTED["at"], "kind": "rolled_back", "reason": "slow", "actor": "anna"})
    assert (read.run_id, read.data_date, read.version, read.metrics) == (None, None, None, {})


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({}, "promoted 2026110501: accuracy 0.910 > 0.874 of 2026110401 on sample-v1, p = 0.012"),
        ({"kind": "blocked", "version": None, "reason": "accuracy 0.6\n < 0.7"}, "blocked: accuracy 0.6 < 0.7"),
        ({"kind": "superseded", "version": None, "reason": "older"}, "superseded: older"),
        ({"kind": "rolled_back", "reason": "slow"}, "rolled back to 2026110501: slow"),
    ],
)
def test_an_events_line(changed: dict[str, Any], line: str) -> None:
    assert event(**changed).line == line


def test_what_later_versions_add_is_passed_over() -> None:
    assert event(colour="green") == event()


@pytest.mark.parametrize("values", [[], None, {}, {**PROMOTED, "kind": "lost"}, {**PROMOTED, "at": "today"}])
def test_something_else_than_an_event(values: Any) -> None:
    with pytest.raises(PromotionCommandError, match=r"not an event of the ledger .*allowed: .*a kind of promoted, bl"):
        event_from(values)


def test_an_event_has_the_same_identity_whenever_it_is_told() -> None:
    assert event().identity == event(reason="another").identity == "bert_sentiment.7.1795629205"
    assert len({event().identity, event(position=8).identity, rolled_back().identity}) == 3


# Why a run has no verdict

DONE = TaskEnd(task_id="CsvExampleGen", state="success")
LOST = TaskEnd(task_id="Pusher", state="upstream_failed")


def ended(task_id: str, *, verdict: str = "", failure: str = "") -> TaskEnd:
    return TaskEnd(task_id=task_id, state="failed", verdict=verdict, failure=failure)


def test_a_gate_on_the_data_has_stopped_the_run() -> None:
    gate = ended("ExampleValidator", verdict="blocked: 3 values are missing", failure="3 values are missing")
    assert explain([DONE, gate, ended("Transform"), LOST]) == (EventKind.BLOCKED, "3 values are missing")


def test_tasks_have_failed_each_with_its_last_error_where_it_left_one() -> None:
    result = explain([DONE, ended("Transform", failure="out of\nmemory"), ended("Resolver"), LOST])
    assert result == (EventKind.FAILED, f"task Transform failed: out of memory; task Resolver failed: {NO_ERROR}")


def test_somebody_has_marked_the_gate_as_a_success_and_the_trainer_failed() -> None:
    gate = TaskEnd(task_id="ExampleValidator", state="success", verdict="blocked: 3 values are missing")
    assert explain([gate, ended("Trainer")]) == (EventKind.FAILED, f"task Trainer failed: {NO_ERROR}")


def test_nobody_failed_and_nobody_left_a_verdict() -> None:
    pusher = TaskEnd(task_id="Pusher", state="skipped")
    assert explain([DONE, pusher, TaskEnd(task_id="Evaluator", state=None)]) == (
        EventKind.FAILED,
        "no task failed, and none left a verdict (CsvExampleGen success, Pusher skipped, Evaluator not run)",
    )


def test_a_task_was_marked_as_a_success_and_has_no_result() -> None:
    pusher = TaskEnd(task_id="Pusher", state="success", by_hand=True)
    states = "no task failed, and none left a verdict (CsvExampleGen success, Pusher success)"
    reason = f"{states}; marked as a success by hand, without a result: Pusher"
    assert explain([DONE, pusher]) == (EventKind.FAILED, reason)


def test_a_gate_that_gave_no_reason_is_a_failure_that_says_so() -> None:
    gate = ended("ExampleValidator", verdict="blocked:  ", failure="  ")
    assert explain([gate]) == (EventKind.FAILED, f"task ExampleValidator failed: {NO_ERROR}")


STATES = st.sampled_from(["success", "failed", "skipped", "upstream_failed", None])
ENDS = st.builds(TaskEnd, task_id=st.text(), state=STATES, verdict=st.text(), failure=st.text())


@given(st.lists(ENDS))
def test_there_is_always_one_line(tasks: list[TaskEnd]) -> None:
    kind, reason = explain(tasks)
    assert kind in {EventKind.BLOCKED, EventKind.FAILED}
    assert len(reason.splitlines()) == 1
    assert reason.strip()


@given(st.lists(ENDS), st.dictionaries(st.text(), st.text(max_size=5)), st.text())
def test_a_failed_run_has_a_reason_in_its_verdicts_or_beside_them(
    tasks: list[TaskEnd], verdicts: dict[str, str], cause: str
) -> None:
    is_said = any(text.startswith(("failed: ", "blocked: ")) for text in verdicts.values())
    assert is_said or explain_failure(tasks, verdicts, cause).strip()
