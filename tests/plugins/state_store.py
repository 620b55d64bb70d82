"""A task's state store, as Airflow gives it to a task."""

from collections.abc import Mapping
from typing import Any


class Store:
    """Keeps JSON values in memory."""

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self._values = dict(values or {})

    def get(self, key: str, default: Any = None) -> Any:
        return self._values.get(key, default)

    def set(self, key: str, value: Any, *, retention: Any = None) -> None:
        del retention
        self._values[key] = value
