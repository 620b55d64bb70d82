"""Whoever has waited longest is next, with all that fit beside; batches are full, or their first has waited enough."""

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_modules.serving.batching.queues import MOST_RETURN_SECONDS, RETURN_GAP_SECONDS, RETURN_SHARE, Queues
from tfx_modules.serving.exceptions import OverloadedError
from tfx_modules.serving.flags.batching_flags import BatchingParameters


def queues(**parameters: int) -> Queues[str]:
    return Queues(BatchingParameters(**parameters))  # type: ignore[arg-type]


def test_without_a_time_out_whatever_waits_is_a_batch() -> None:
    waiting = queues(max_batch_size=4)
    waiting.add("k", "a", 1, now=0)
    waiting.add("k", "b", 2, now=0)
    assert waiting.next_batch(0) == ["a", "b"]
    assert waiting.next_batch(0) == []
    assert waiting.pause(0) is None


def test_a_batch_that_is_not_full_waits_for_more() -> None:
    waiting = queues(max_batch_size=4, batch_timeout_micros=1_000_000)
    waiting.add("k", "a", 1, now=10)
    assert waiting.next_batch(10.5) == []
    assert waiting.pause(10.5) == pytest.approx(0.5)
    assert waiting.next_batch(11.0) == ["a"]
    waiting.add("k", "b", 3, now=20)
    waiting.add("k", "c", 1, now=20)
    assert waiting.next_batch(20) == ["b", "c"]


def test_those_who_do_not_fit_come_next_and_nobody_overtakes() -> None:
    waiting = queues(max_batch_size=4)
    for who, rows in (("a", 3), ("b", 2), ("c", 1)):
        waiting.add("k", who, rows, now=0)
    assert [waiting.next_batch(0), waiting.next_batch(0)] == [["a"], ["b", "c"]]


def test_of_several_kinds_the_one_that_has_waited_longest_is_next() -> None:
    waiting = queues(max_batch_size=4)
    waiting.add("late", "a", 4, now=2)
    waiting.add("early", "b", 1, now=1)
    assert [waiting.next_batch(3), waiting.next_batch(3)] == [["b"], ["a"]]


def test_too_many_rows_are_refused_and_one_large_call_is_not() -> None:
    waiting = queues(max_batch_size=2, max_enqueued_batches=2)
    waiting.check("k", 100)
    waiting.add("k", "a", 2, now=0)
    waiting.check("k", 2)
    with pytest.raises(OverloadedError, match=r"full: 2 rows wait, 3 would come, 4 may; ask again"):
        waiting.check("k", 3)
    waiting.check("other", 3)


def test_whoever_goes_away_leaves_nothing_behind() -> None:
    waiting = queues(max_batch_size=4, batch_timeout_micros=1_000_000)
    waiting.add("k", "a", 3, now=0)
    waiting.add("k", "b", 2, now=0)
    waiting.remove("k", "a")
    waiting.remove("k", "nobody")
    waiting.remove("nothing", "a")
    assert waiting.next_batch(0) == []
    assert waiting.next_batch(1) == ["b"]
    assert waiting.pause(1) is None


@given(st.lists(st.tuples(st.sampled_from("kl"), st.integers(1, 4)), max_size=30))
def test_everybody_is_taken_once_in_order_and_no_batch_is_too_large(arrivals: list[tuple[str, int]]) -> None:
    waiting: Queues[tuple[str, int]] = Queues(BatchingParameters(max_batch_size=4))
    for number, (kind, rows) in enumerate(arrivals):
        waiting.add(kind, (kind, number), rows, now=number)
    left = {kind: deque(n for n, (k, _) in enumerate(arrivals) if k == kind) for kind in "kl"}
    while batch := waiting.next_batch(100):
        assert len({kind for kind, _ in batch}) == 1
        assert sum(arrivals[number][1] for _, number in batch) <= 4
        for kind, number in batch:
            assert left[kind].popleft() == number
    assert not any(left.values())


# Clients that were answered together


def answered_together(rows: int, *, took: float = 1.0) -> Queues[str]:
    """Queues of which a batch of two calls ends at 10, and a client is back at once."""
    waiting = queues(max_batch_size=8)
    waiting.answered("k", 2, rows, began=10 - took, now=10)
    waiting.add("k", "first", 1, now=10)
    return waiting


def test_clients_that_were_answered_together_are_computed_together_again() -> None:
    waiting = answered_together(3)
    assert waiting.next_batch(10) == []
    waiting.add("k", "second", 1, now=10.0005)
    assert waiting.next_batch(10.0005) == []
    waiting.add("k", "third", 1, now=10.001)
    assert waiting.next_batch(10.001) == ["first", "second", "third"]


def test_those_who_are_slow_are_not_waited_for() -> None:
    waiting = answered_together(3)
    assert waiting.pause(10) == pytest.approx(RETURN_GAP_SECONDS)
    assert waiting.next_batch(10 + RETURN_GAP_SECONDS) == ["first"]


@pytest.mark.parametrize("took", [0.004, 10.0])
def test_a_batch_waits_for_a_part_of_the_time_that_the_last_one_took(took: float) -> None:
    waiting = answered_together(8, took=took)
    most = min(took * RETURN_SHARE, MOST_RETURN_SECONDS)
    now = 10.0
    while not waiting.next_batch(now):
        now += RETURN_GAP_SECONDS / 2
        waiting.add("k", "next", 0, now)  # somebody is always just coming
    assert now == pytest.approx(10 + most, abs=RETURN_GAP_SECONDS)


def test_one_client_never_waits() -> None:
    waiting = queues(max_batch_size=8)
    waiting.answered("k", 1, 5, began=9, now=10)
    waiting.add("k", "a", 1, now=10)
    assert waiting.next_batch(10) == ["a"]


def test_calls_of_other_kinds_do_not_wait_for_them() -> None:
    waiting = answered_together(3)
    waiting.add("other", "a", 1, now=10)
    assert waiting.next_batch(10) == ["a"]


def test_a_batch_that_ended_long_ago_is_forgotten() -> None:
    waiting = queues(max_batch_size=8)
    waiting.answered("k", 2, 3, began=9, now=10)
    waiting.add("k", "a", 1, now=11)
    assert waiting.next_batch(11) == ["a"]


@given(
    st.lists(st.tuples(st.floats(0, 0.02), st.integers(1, 4)), min_size=1, max_size=20),
    st.integers(0, 30),
    st.floats(0, 1),
)
def test_whoever_waits_is_computed_when_the_pause_is_over(
    arrivals: list[tuple[float, int]], rows: int, took: float
) -> None:
    waiting = queues(max_batch_size=8)
    waiting.answered("k", 2, rows, began=10 - took, now=10)
    now, taken = 10.0, 0
    for who, (gap, count) in enumerate(arrivals):
        now += gap
        waiting.add("k", str(who), count, now)
        taken += len(waiting.next_batch(now))
    while (pause := waiting.pause(now)) is not None:
        assert pause <= MOST_RETURN_SECONDS
        now += pause + 1e-9  # more than a sum of floats is wrong by
        batch = waiting.next_batch(now)
        assert batch
        taken += len(batch)
    assert taken == len(arrivals)
