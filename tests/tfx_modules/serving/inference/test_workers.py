"""Nobody waits for somebody else's long request."""

import asyncio
import threading
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


def test_work_is_done_beside_threads_that_are_stuck(long: list[Work]) -> None:
    async def scenario() -> None:
        workers = Workers(2, spare=2)
        stuck = [asyncio.create_task(workers.run(work)) for work in long[:2]]
        await asyncio.gather(begun(long[0]), begun(long[1]))
        short = await workers.run(lambda: threading.current_thread().name)
        assert short.startswith("spare-predict")
        assert not any(task.done() for task in stuck)
        for work in long:
            work.may_end.set()
        assert {name[:8] for name in await asyncio.gather(*stuck)} == {"predict_"}
        assert (await workers.run(lambda: threading.current_thread().name)).startswith("predict")
        workers.close()

    run(scenario)


def test_without_spare_threads_work_waits_for_its_turn(long: list[Work]) -> None:
    async def scenario() -> None:
        workers = Workers(1, spare=0)
        first = asyncio.create_task(workers.run(long[0]))
        await begun(long[0])
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
        first = asyncio.create_task(workers.run(long[0]))
        await begun(long[0])
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
        workers = Workers(1, spare=1)
        left = asyncio.create_task(workers.run(long[0]))
        await begun(long[0])
        left.cancel()  # its client has gone, and TensorFlow goes on
        with pytest.raises(asyncio.CancelledError):
            await left
        assert (await workers.run(lambda: threading.current_thread().name)).startswith("spare-predict")
        long[0].may_end.set()
        await asyncio.sleep(0.1)
        assert (await workers.run(lambda: threading.current_thread().name)).startswith("predict")
        workers.close()

    run(scenario)
