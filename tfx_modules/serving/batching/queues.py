"""Queues of calls, and the choice of the next batch. Knows no threads and no event loop."""

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tfx_modules.serving.exceptions import OverloadedError
from tfx_modules.serving.flags.batching_flags import BatchingParameters

T = TypeVar("T")


@dataclass(frozen=True)
class Waiting(Generic[T]):
    """An entry of a queue.

    Attributes:
        who: is put into a batch.
        rows: how many it brings.
        since: seconds, of a clock that never goes back.
    """

    who: T
    rows: int
    since: float


@dataclass
class _Queue(Generic[T]):
    waiting: deque[Waiting[T]] = field(default_factory=deque)
    rows: int = 0


class Queues(Generic[T]):
    """A queue for each kind, in order of arrival; whose first has waited longest is next.

    Args:
        parameters: how large batches are, how long they wait and how many may.
    """

    def __init__(self, parameters: BatchingParameters) -> None:
        self._most = parameters.max_batch_size
        self._retry_policy = parameters.batch_timeout_micros / 1e6
        self._limit = parameters.max_enqueued_batches * parameters.max_batch_size
        self._queues: dict[Hashable, _Queue[T]] = {}

    def check(self, kind: Hashable, rows: int) -> None:
        """Check that so many more rows may wait.

        Raises:
            OverloadedError: too many wait already. A call larger than the limit is taken into an empty queue.
        """
        queued = self._queues[kind].rows if kind in self._queues else 0
        if queued and queued + rows > self._limit:
            raise OverloadedError(
                f"The batch scheduling queue to which this task was submitted is full: {queued} rows wait, {rows} "
                f"would come, {self._limit} may; ask again in a moment"
            )

    def add(self, kind: Hashable, who: T, rows: int, now: float) -> None:
        """Add a call of up to ``max_batch_size`` rows to its queue."""
        queue = self._queues.setdefault(kind, _Queue())
        queue.waiting.append(Waiting(who, rows, now))
        queue.rows += rows

    def remove(self, kind: Hashable, who: T) -> None:
        """Remove a call that is not to be computed any more; harmless when it is not there."""
        queue = self._queues.get(kind)
        for entry in queue.waiting if queue else ():
            if entry.who is who:
                self._take(kind, [entry])
                return

    def next_batch(self, now: float) -> list[T]:
        """Take the calls that are to be computed together now; empty when none are."""
        ready = [kind for kind, queue in self._queues.items() if self._is_ready(queue, now)]
        if not ready:
            return []
        kind = min(ready, key=lambda kind: self._queues[kind].waiting[0].since)
        batch: list[Waiting[T]] = []
        rows = 0
        for entry in self._queues[kind].waiting:
            rows += entry.rows
            if rows > self._most:
                break
            batch.append(entry)
        self._take(kind, batch)
        return [entry.who for entry in batch]

    def pause(self, now: float) -> float | None:
        """Return the seconds until there may be a next batch; None when the queues are empty."""
        ends = [queue.waiting[0].since + self._retry_policy for queue in self._queues.values()]
        return max(0.0, min(ends) - now) if ends else None

    def _is_ready(self, queue: _Queue[T], now: float) -> bool:
        return queue.rows >= self._most or now >= queue.waiting[0].since + self._retry_policy

    def _take(self, kind: Hashable, entries: list[Waiting[T]]) -> None:
        queue = self._queues[kind]
        for entry in entries:
            queue.waiting.remove(entry)
            queue.rows -= entry.rows
        if not queue.waiting:
            del self._queues[kind]  # kinds hold models: an empty queue would keep one in memory
