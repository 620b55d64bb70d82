"""Admits, queues or refuses requests. Knows no protocol."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import TypeVar

from tfx_modules.serving.exceptions import DeadlineError, OverloadedError

T = TypeVar("T")


class Admission:
    """A bounded number of slots, and a bounded queue for them, in order of arrival.

    Whoever is cancelled while waiting leaves the queue.
    """

    def __init__(self, places: int, queued: int) -> None:
        """Prepare.

        Args:
            places: how many may be in at the same time; 0 = any number.
            queued: how many may wait.
        """
        self.running = 0
        """How many are in."""
        self.waiting = 0
        """How many wait."""
        self._places = places
        self._queued = queued
        self._free = asyncio.Semaphore(places)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Hold a place.

        Raises:
            OverloadedError: all places are taken, and as many wait as may.
        """
        if self._places:
            await self._take()
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1
            if self._places:
                self._free.release()

    async def _take(self) -> None:
        if self._free.locked() and self.waiting >= self._queued:
            raise OverloadedError(
                f"the server is answering {self._places} requests and {self.waiting} wait, which is the limit; "
                "ask again in a moment"
            )
        self.waiting += 1
        try:
            await self._free.acquire()
        finally:
            self.waiting -= 1


_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


def deadline() -> float | None:
    """Return when the time of the request is over that this task answers, on the monotonic clock; None = never."""
    return _deadline.get()


async def within(seconds: float | None, work: Awaitable[T]) -> T:
    """Await for so long; None is for ever. What is awaited can ask for its ``deadline``.

    Raises:
        DeadlineError: the time is over; the work has been cancelled.
    """
    token = _deadline.set(None if seconds is None else time.monotonic() + seconds)
    try:
        return await asyncio.wait_for(work, seconds)
    except TimeoutError as error:
        raise DeadlineError("the request's time was over before it was answered; give it more, or ask less") from error
    finally:
        _deadline.reset(token)
