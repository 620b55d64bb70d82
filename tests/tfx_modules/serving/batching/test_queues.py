"""Whoever has waited longest is next, with all that fit beside; batches are full, or their first has waited enough."""

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_modules.serving.batching.queues import Queues
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
