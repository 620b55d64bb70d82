"""Nobody waits for somebody else's long request."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from tfx_modules.serving.inference.workers import Workers


class Work:
    """Work that goes on until it is let end."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.may_end = threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        self.may_end.wait(30)
        return threading.current_thread().name


@pytest.fixture
def long() -> Iterator[list[Work]]:
    made = [Work() for _ in range(3)]
    yield made
    for work in made:
        work.may_end.set()


def run(scenario: Callable[[], Awaitable[Any]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 20))


async def begun(work: Work) -> None:
    while not work.begun.is_set():
        await asyncio.sleep(0.005)


async def occupied(workers: Workers, work: Work) -> "asyncio.Task[str]":
    """Have a thread begin work that goes on until it is let end."""
    task = asyncio.create_task(workers.run(work))
    await begun(work)
    return task


def test_work_is_done_beside_threads_that_are_stuck(long: list[Work]) -> None:
    async def scenario() -> None:
        workers = Workers(2, spare=2)
        stuck = [asyncio.create_task(workers.run(work)) for work in long[:2]]
        await asyncio.gather(begun(long[0]), begun(long[1]))
        assert await asyncio.wait_for(workers.run(lambda: "short"), 5) == "short"
        assert not any(task.done() for task in stuck)
        workers.close()

    run(scenario)


def test_however_many_long_requests_came_before_a_short_one_is_soon_begun() -> None:
    async def scenario() -> None:
        works = [Work() for _ in range(15)]
        workers = Workers(2, spare=14)
        stuck = [asyncio.create_task(workers.run(work)) for work in works]
        try:
            await begun(works[0])
            assert await asyncio.wait_for(workers.run(lambda: "short"), 5) == "short"
            assert not any(task.done() for task in stuck)
        finally:
            for work in works:
                work.may_end.set()
        await asyncio.gather(*stuck)
        workers.close()

    run(scenario)


def test_after_long_requests_no_more_threads_work_than_there_are_cores(long: list[Work]) -> None:
    under_way, most = 0, 0
    lock = threading.Lock()

    def short() -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.01)
        with lock:
            under_way -= 1

    async def scenario() -> None:
        workers = Workers(2, spare=14)
        stuck = [asyncio.create_task(workers.run(work)) for work in long]
        await asyncio.gather(*map(begun, long))
        for work in long:
            work.may_end.set()
        await asyncio.gather(*stuck)
        await asyncio.gather(*(workers.run(short) for _ in range(40)))
        workers.close()

    run(scenario)
    assert most == 2


def test_errors_reach_whoever_asked_and_the_threads_go_on() -> None:
    def fail() -> None:
        raise KeyError("out of range")

    async def scenario() -> None:
        workers = Workers(1, spare=0)
        for _ in range(3):
            with pytest.raises(KeyError, match="out of range"):
                await workers.run(fail)
        assert await workers.run(lambda: "answer") == "answer"
        workers.close()

    run(scenario)


def test_what_waits_at_the_end_is_cancelled(long: list[Work]) -> None:
    async def scenario() -> None:
        workers = Workers(1, spare=0)
        first = await occupied(workers, long[0])
        waiting = asyncio.create_task(workers.run(long[1]))
        await asyncio.sleep(0.05)
        workers.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        long[0].may_end.set()
        await first
        assert not long[1].begun.is_set()

    run(scenario)


def test_without_spare_threads_work_waits_for_its_turn(long: list[Work]) -> None:
    async def scenario() -> None:
        workers = Workers(1, spare=0)
        first = await occupied(workers, long[0])
        second = asyncio.create_task(workers.run(long[1]))
        await asyncio.sleep(0.3)
        assert not long[1].begun.is_set()
        long[0].may_end.set()
        long[1].may_end.set()
        await asyncio.gather(first, second)
        workers.close()

    run(scenario)


def test_work_that_nobody_awaits_any_more_is_not_begun(long: list[Work]) -> None:
    async def scenario() -> None:
        workers = Workers(1, spare=0)
        first = await occupied(workers, long[0])
        second = asyncio.create_task(workers.run(long[1]))
        await asyncio.sleep(0.05)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        long[0].may_end.set()
        await first
        long[2].may_end.set()
        await workers.run(long[2])
        assert not long[1].begun.is_set()
        workers.close()

    run(scenario)


def test_a_thread_counts_as_free_only_when_its_work_has_ended(long: list[Work]) -> None:
    async def scenario() -> None:
        workers = Workers(1, spare=0)
        left = await occupied(workers, long[0])
        left.cancel()  # its client has gone, and TensorFlow goes on
        with pytest.raises(asyncio.CancelledError):
            await left
        next_one = asyncio.create_task(workers.run(lambda: "next"))
        await asyncio.sleep(0.3)
        assert not next_one.done()
        long[0].may_end.set()
        assert await next_one == "next"
        workers.close()

    run(scenario)
