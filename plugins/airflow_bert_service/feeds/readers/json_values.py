"""Parses JSON, and remembers keys that an object has twice: of those, the json module keeps the last one silently."""

import json
from collections import Counter
from typing import Any


class RepeatedKeys(dict[str, object]):
    """A JSON object that has some keys more than once. Its value for each of them is the last one."""

    def __init__(self, pairs: list[tuple[str, object]]) -> None:
        super().__init__(pairs)
        counts = Counter(key for key, _ in pairs)
        self.repeated = frozenset(key for key, count in counts.items() if count > 1)
        """These keys."""


def repeated_keys(value: object) -> frozenset[str]:
    """Return the keys that an object has more than once; none of another value."""
    return value.repeated if isinstance(value, RepeatedKeys) else frozenset()


def loads(text: str | bytes | bytearray) -> Any:
    """Parse JSON.

    Raises:
        ValueError: The text is no JSON.
        RecursionError: It is nested too deep.
    """
    return json.loads(text, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    return made if len(made) == len(pairs) else RepeatedKeys(pairs)
