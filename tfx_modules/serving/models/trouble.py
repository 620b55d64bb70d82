"""Remembers what is wrong, so that a fault that lasts is logged once and not at every poll."""

from collections.abc import Callable, Hashable


class Troubles:
    """The faults that are known, by what they are about. Counts each time that one is met."""

    def __init__(self, count: Callable[[str], None]) -> None:
        """Prepare.

        Args:
            count: called with the place for each fault that is met.
        """
        self._count = count
        self._known: dict[Hashable, str] = {}

    def is_new(self, about: Hashable, reason: str, *, place: str = "") -> bool:
        """Record a fault; return whether it is another one than at the last time.

        Args:
            about: what it is about, like a version's number.
            reason: what is wrong.
            place: where on disk it was met, for the count; empty = a fault that is not the disk's.
        """
        if place:
            self._count(place)
        before = self._known.get(about)
        self._known[about] = reason
        return before != reason

    def __contains__(self, about: Hashable) -> bool:
        return about in self._known

    def over(self, about: Hashable) -> None:
        """Forget a fault: all is well there now."""
        self._known.pop(about, None)


def not_counted(place: str) -> None:
    """Count nothing; for who has no metrics."""
    del place
