"""Queues of calls, and the choice of the next batch. Knows no threads and no event loop."""

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tfx_modules.serving.exceptions import OverloadedError
from tfx_modules.serving.flags.batching_flags import BatchingParameters

T = TypeVar("T")

# Clients that were answered together ask again at about the same time, one after the other as their answers are read.
# A batch that began with the first of them would leave the others to the one after it, and batches would be small and
# large by turns. So long after such a batch its clients' next requests are waited for at most, in shares of the time
# that the batch took and in seconds, and so long after the last of them that came.
RETURN_SHARE = 0.25
MOST_RETURN_SECONDS = 0.01
RETURN_GAP_SECONDS = 0.001


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


@dataclass(frozen=True)
class _Answered:
    """A batch of several calls, whose clients may ask again.

    Attributes:
        rows: how many it had.
        at: when it was answered.
        until: when nobody waits for them any more.
    """

    rows: int
    at: float
    until: float


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
        self._answered: dict[int, _Answered] = {}  # by the kind's hash: a kind would keep its model in memory

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
        ready = [kind for kind in self._queues if self._is_ready(kind, now)]
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
        self._answered.pop(hash(kind), None)
        return [entry.who for entry in batch]

    def answered(self, kind: Hashable, calls: int, rows: int, *, began: float, now: float) -> None:
        """Note that a batch has been answered, so that its clients' next calls are waited for.

        Args:
            kind: of the calls.
            calls: how many it had; a call by itself is not waited for.
            rows: how many it had.
            began: when its computation began.
            now: when it ended.
        """
        self._answered = {other: batch for other, batch in self._answered.items() if batch.until > now}
        if calls > 1:
            until = now + min((now - began) * RETURN_SHARE, MOST_RETURN_SECONDS)
            self._answered[hash(kind)] = _Answered(rows, now, until)

    def pause(self, now: float) -> float | None:
        """Return the seconds until there may be a next batch; None when the queues are empty."""
        ends = [self._end(kind) for kind in self._queues]
        return max(0.0, min(ends) - now) if ends else None

    def _is_ready(self, kind: Hashable, now: float) -> bool:
        return self._queues[kind].rows >= self._most or now >= self._end(kind)

    def _end(self, kind: Hashable) -> float:
        """Return until when a batch of these calls waits for more, unless it is full before."""
        queue = self._queues[kind]
        end = queue.waiting[0].since + self._retry_policy
        last = self._answered.get(hash(kind))
        if last is None or queue.rows >= last.rows:
            return end
        return max(end, min(last.until, max(last.at, queue.waiting[-1].since) + RETURN_GAP_SECONDS))

    def _take(self, kind: Hashable, entries: list[Waiting[T]]) -> None:
        queue = self._queues[kind]
        for entry in entries:
            queue.waiting.remove(entry)
            queue.rows -= entry.rows
        if not queue.waiting:
            del self._queues[kind]  # kinds hold models: an empty queue would keep one in memory
