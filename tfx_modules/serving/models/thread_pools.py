"""Gives each run of a model threads of its own, so that no run's operations wait behind those of another."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class ThreadPools:
    """The pools of threads in which TensorFlow begins operations, by their numbers.

    Attributes:
        count: how many there are. More runs than that share them.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._lock = threading.Lock()
        self._runs = [0] * count

    @contextmanager
    def least_busy(self) -> Iterator[int]:
        """Use the pool that has the fewest runs for as long as the block lasts; yield its number."""
        with self._lock:
            number = min(range(self.count), key=self._runs.__getitem__)
            self._runs[number] += 1
        try:
            yield number
        finally:
            with self._lock:
                self._runs[number] -= 1


POOLS = ThreadPools(8)
