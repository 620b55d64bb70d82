"""Threads that run the model: one for each core, and more of them while no run ends."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")

# So long after the last run ended, one of those that wait is begun beside the others,
PATIENCE_SECONDS = 0.1
# and so long after that the next one, as long as still none has ended.
STEP_SECONDS = 0.02
SPARE = 14


@dataclass(frozen=True, eq=False)
class Run:
    """Work that waits for a thread, and what its answer is told to."""

    work: Callable[[], Any]
    future: "Future[Any]"


class Workers:
    """A few threads that take work in order of arrival, so that the cores are busy and no more than that.

    While all of them are at work that takes long, threads are added one by one: nobody waits for somebody else's long
    request. Each run that took long takes one of them away again as it ends.
    """

    def __init__(self, workers: int, *, spare: int = SPARE, name: str = "predict") -> None:
        """Prepare.

        Args:
            workers: how many there are.
            spare: how many more there may be.
            name: what the threads' names begin with.
        """
        self._pool = ThreadPoolExecutor(workers + spare, thread_name_prefix=name)
        self._workers = workers
        self._most = workers + spare
        self._lock = threading.Lock()  # held for what follows, by the event loop and by the threads
        self._waiting: deque[Run] = deque()
        self._running = 0  # threads that take work
        self._allowed = workers
        self._progressed = 0.0  # when the last run ended, or the first one began
        self._alarm: asyncio.TimerHandle | None = None

    async def run(self, work: Callable[[], T]) -> T:
        """Return what work returns; work that nobody awaits any more is not begun."""
        future: Future[T] = Future()
        answer = asyncio.wrap_future(future)
        with self._lock:
            self._waiting.append(Run(work, future))
            is_free = self._running < self._allowed
            if is_free:
                self._progressed = time.monotonic()
                self._begin_one()
        if not is_free and self._alarm is None and self._most > self._workers:
            self._alarm = answer.get_loop().call_later(PATIENCE_SECONDS, self._look)
        return await answer

    def close(self) -> None:
        """Shut the threads down, without waiting for them."""
        if self._alarm is not None:
            self._alarm.cancel()
        with self._lock:
            waiting = list(self._waiting)
            self._waiting.clear()
        for run in waiting:
            run.future.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _look(self) -> None:
        """Begin one more run where none has ended for too long; look again as long as work waits."""
        self._alarm = None
        with self._lock:
            if not self._waiting:
                return
            again = self._progressed + PATIENCE_SECONDS - time.monotonic()
            if again <= 0:
                again = PATIENCE_SECONDS
                if self._allowed < self._most:
                    again = STEP_SECONDS
                    self._allowed += 1
                    self._begin_one()
        self._alarm = asyncio.get_running_loop().call_later(again, self._look)

    def _begin_one(self) -> None:
        self._running += 1
        self._pool.submit(self._work_on)

    def _work_on(self) -> None:
        """Run what waits, in a thread, until nothing waits any more or threads are too many."""
        while (run := self._next()) is not None:
            if run.future.set_running_or_notify_cancel():
                self._do(run)
            del run  # an idle thread keeps no texts

    def _do(self, run: Run) -> None:
        began = time.monotonic()
        try:
            answer = run.work()
        except BaseException as error:  # noqa: BLE001 - whoever awaits the answer is told, as by an executor
            self._ended(began)
            run.future.set_exception(error)
        else:
            self._ended(began)
            run.future.set_result(answer)

    def _next(self) -> Run | None:
        with self._lock:
            if self._waiting and self._running <= self._allowed:
                return self._waiting.popleft()
            self._running -= 1
            return None

    def _ended(self, began: float) -> None:
        with self._lock:
            self._progressed = time.monotonic()
            if self._progressed - began > PATIENCE_SECONDS and self._allowed > self._workers:
                self._allowed -= 1
