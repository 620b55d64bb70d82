"""A DAG run is followed on the terminal: a line per task, no long silence, and the failed task's log."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.errors import NotReadyError
from scripts.stack.api import TaskState
from scripts.stack.tail import last_lines, readable
from scripts.stack.waiting import ProgressReporter, wait_until
from scripts.stack.watch import failure, lines_for, log_path, waiting_for

RUN = "demo__2026-11-05"


def task(name: str, state: str, seconds: float = 0.0, try_number: int = 1) -> TaskState:
    return TaskState(name, state, seconds, try_number)


def by_name(tasks: list[TaskState]) -> dict[str, TaskState]:
    return {one.task_id: one for one in tasks}


def test_a_task_that_ends_gets_a_line_with_state_and_seconds() -> None:
    before = by_name([task("Trainer", "running", 80.0)])

    assert lines_for(before, [task("Trainer", "success", 81.25)]) == ["  success            81.2  Trainer"]


def test_a_task_that_still_runs_gets_none() -> None:
    assert lines_for({}, [task("Trainer", "running"), task("Pusher", "none"), task("Tuner", "queued")]) == []


def test_a_task_that_is_tried_again_is_shown_each_time() -> None:
    first, second = task("Trainer", "up_for_retry"), task("Trainer", "up_for_retry", try_number=2)

    assert len(lines_for(by_name([first]), [second])) == 1


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from("abc"), st.sampled_from(["none", "queued", "running", "success", "failed", "skipped"])
        )
    )
)
def test_no_end_is_shown_twice_while_states_stay_as_they_are(snapshots: list[dict[str, str]]) -> None:
    for states in snapshots:
        now = [task(name, state) for name, state in states.items()]

        assert lines_for(by_name(now), now) == []


def test_it_says_which_tasks_run() -> None:
    assert waiting_for("running", [task("Trainer", "running", 34.4), task("Pusher", "none")]) == "Trainer (34 s)"


def test_it_says_which_task_waits_for_a_person() -> None:
    tasks = [task("Trainer", "success"), task("Approval", "awaiting_input", 34.4), task("Pusher", "none")]

    assert waiting_for("running", tasks) == "a person to answer Approval (Required Actions in Airflow)"


def test_it_says_which_other_run_holds_this_one_up() -> None:
    assert waiting_for("queued", [], ["backfill__2026-11-03"]) == (
        "the DAG run backfill__2026-11-03 to end, which started before"
    )


def test_it_says_what_comes_next_between_two_tasks() -> None:
    assert waiting_for("running", [task("a", "success"), task("b", "none")]) == "the scheduler to start b"
    assert waiting_for("running", [task("a", "success")]) == "the scheduler to close the DAG run"


def test_a_failed_task_is_named_with_the_last_lines_of_its_log_and_the_logs_path(tmp_path: Path) -> None:
    broken = task("Trainer", "failed", try_number=2)
    log = log_path(tmp_path, "bert_sentiment", RUN, broken)
    log.parent.mkdir(parents=True)
    log.write_text("".join(json.dumps({"level": "info", "event": f"step {number}"}) + "\n" for number in range(40)))

    message = failure("bert_sentiment", RUN, [broken, task("Pusher", "upstream_failed")], tmp_path)

    assert message.startswith("The task Trainer failed (try 2).")
    assert "step 39" in message
    assert "step 9\n" not in message
    assert message.endswith(str(log))


def test_a_run_that_somebody_ended_is_not_blamed_on_a_task(tmp_path: Path) -> None:
    assert "none of its tasks failed" in failure("bert_sentiment", RUN, [task("Trainer", "skipped")], tmp_path)


def test_a_log_line_of_a_task_is_shown_as_text_with_its_error() -> None:
    record = {"level": "error", "event": "Task failed", "error_detail": [{"exc_type": "OSError", "exc_value": "full"}]}

    assert readable(json.dumps(record)) == "ERROR   Task failed | OSError: full"


def test_a_log_line_of_a_skipped_task_is_shown_with_the_reason() -> None:
    record = {"level": "info", "event": "Skipping task.", "reason": "not blessed"}

    assert readable(json.dumps(record)) == "INFO    Skipping task. | not blessed"


@pytest.mark.parametrize("line", ["plain text", "[1, 2]", '{"other": 1}', ""])
def test_other_lines_are_shown_as_they_are(line: str) -> None:
    assert readable(line) == line


def test_a_log_that_was_never_written_is_said_to_be_missing(tmp_path: Path) -> None:
    assert "no log was written" in last_lines(tmp_path / "missing.log")


@pytest.fixture
def said() -> list[str]:
    return []


def countdown(rounds: int) -> Callable[[], str]:
    left = iter(range(rounds))
    return lambda: "the kettle" if next(left, None) is not None else ""


def test_waiting_ends_when_nothing_is_missing(said: list[str]) -> None:
    wait_until(countdown(3), seconds=5, progress=ProgressReporter(said.append), every=0.001)

    assert said == []


def test_waiting_is_never_silent_for_long(said: list[str]) -> None:
    wait_until(countdown(5), seconds=5, progress=ProgressReporter(said.append, silence=0.0), every=0.001)

    assert said == ["  ... waiting for the kettle"] * 5


def test_waiting_has_an_end(said: list[str]) -> None:
    with pytest.raises(NotReadyError, match="Still waiting for the kettle"):
        wait_until(lambda: "the kettle", seconds=0.01, progress=ProgressReporter(said.append), every=0.001)
