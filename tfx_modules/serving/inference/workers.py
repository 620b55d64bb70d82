"""Threads that run the model: a few, and others beside them while those few are stuck."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TypeVar

T = TypeVar("T")

# So long after the last answer, work that waits is begun beside what runs.
PATIENCE_SECONDS = 0.1
SPARE = 14


class Workers:
    """A few threads that take work in order of arrival, so that the cores are busy and no more than that.

    While all of them are at work that takes long, other work is done beside it on spare threads: nobody waits for
    somebody else's long request.
    """

    def __init__(self, workers: int, *, spare: int = SPARE, name: str = "predict") -> None:
        """Prepare.

        Args:
            workers: how many there are.
            spare: how many more there may be.
            name: what the threads' names begin with.
        """
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=name)
        self._spare = ThreadPoolExecutor(spare, thread_name_prefix=f"spare-{name}") if spare else None
        self._workers = workers
        self._taken = 0  # by work that runs or waits
        self._progressed = 0.0

    async def run(self, work: Callable[[], T]) -> T:
        """Return what work returns; work that nobody awaits any more is not begun."""
        is_free = self._taken < self._workers
        if is_free:
            self._progressed = time.monotonic()
        elif self._spare is not None and self._is_stuck():
            return await asyncio.wrap_future(self._spare.submit(work))
        future = self._pool.submit(work)
        self._taken += 1
        answer = asyncio.wrap_future(future)
        answer.add_done_callback(partial(self._answered, future))
        return await (answer if is_free else self._waited_for(answer, future, work))

    def close(self) -> None:
        """Shut the threads down, without waiting for them."""
        for pool in (self._pool, self._spare):
            if pool is not None:
                pool.shutdown(wait=False, cancel_futures=True)

    def _is_stuck(self) -> bool:
        return time.monotonic() - self._progressed > PATIENCE_SECONDS

    def _answered(self, future: "Future[T]", answer: "asyncio.Future[T]") -> None:
        """Note that a thread is free, or that work has left the queue."""
        if future.done():
            self._free()
        else:  # nobody waits any more, and the work goes on
            future.add_done_callback(partial(self._ended, answer.get_loop()))

    def _ended(self, loop: asyncio.AbstractEventLoop, future: "Future[T]") -> None:
        """Note that a thread is free; called in any thread."""
        del future
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(self._free)

    def _free(self) -> None:
        self._taken -= 1
        self._progressed = time.monotonic()

    async def _waited_for(self, answer: "asyncio.Future[T]", future: "Future[T]", work: Callable[[], T]) -> T:
        """Return the answer of work that is in the queue; begin it on a spare thread while the others are stuck."""
        try:
            while self._spare is not None and not (future.running() or future.done()):
                done, _ = await asyncio.wait({answer}, timeout=PATIENCE_SECONDS)
                if not done and self._is_stuck() and future.cancel():
                    return await asyncio.wrap_future(self._spare.submit(work))
            return await answer
        finally:
            answer.cancel()
