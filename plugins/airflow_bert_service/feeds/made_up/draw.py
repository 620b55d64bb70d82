"""Defines draws that are the same on every machine."""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draw:
    """An endless series of draws that depends on the seed only: SHA-256 of the seed and a counter."""

    def __init__(self, seed: int | str) -> None:
        self._seeded = hashlib.sha256(f"{seed}:".encode())
        self._count = 0

    def share(self) -> float:
        """Draw a number in [0, 1)."""
        self._count += 1
        digest = self._seeded.copy()
        digest.update(b"%d" % self._count)
        return int.from_bytes(digest.digest()[:6], "big") / (1 << 48)

    def skip(self, count: int) -> None:
        """Leave out as many draws."""
        self._count += count

    def below(self, end: int) -> int:
        """Draw a whole number in [0, end)."""
        return int(self.share() * end)

    def one(self, items: Sequence[T]) -> T:
        """Draw one of the items."""
        return items[self.below(len(items))]

    def order(self, items: Sequence[T]) -> list[T]:
        """Shuffle the items into a new list."""
        return [item for _, item in sorted(((self.share(), item) for item in items), key=lambda pair: pair[0])]
