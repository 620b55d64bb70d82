"""A day's query: the bounds that a user writes as ``:start`` and ``:end``, as the database's driver takes them."""

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from airflow_bert_service.exceptions import FeedError
from airflow_bert_service.settings.reading.limits import Limit

# What may hold a colon that is none of ours comes first: strings, quoted names, comments, casts.
_TOKEN = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|::|:(?P<bound>start|end)\b|%", re.DOTALL)
_ORDER = re.compile(r"\border\s+by\b", re.IGNORECASE)
_BOUNDS = ("start", "end")


@dataclass(frozen=True)
class DayQuery(Limit):
    """A query with both bounds of a day, and an order."""

    advice = "Write it so"

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        return (
            "a query with :start and :end, outside of quotes, for the day's bounds, and ORDER BY, so that a day reads "
            "the same every time"
        )

    def holds(self, value: str) -> bool:
        """Tell whether a query is allowed."""
        return not _missing(value)

    def problem(self, value: str) -> str:
        """Return what a message says of a query that is not allowed."""
        return f"is {value!r}; missing: {', '.join(_missing(value))}"


def _missing(query: str) -> list[str]:
    found = {match["bound"] for match in _TOKEN.finditer(query)}
    bounds = [f":{bound}" for bound in _BOUNDS if bound not in found]
    return bounds + ([] if _ORDER.search(query) else ["ORDER BY"])


def _moment(day: dt.date) -> str:
    # With its offset, so that the session's time zone does not matter. PostgreSQL takes it for the type of the column.
    return f"{day} 00:00:00+00:00"


def _date(day: dt.date) -> str:
    # SQLite has no dates: this text sorts right among days and among moments, in both ISO forms.
    return day.isoformat()


_FORMS: Mapping[str, Callable[[dt.date], str]] = {"%s": _moment, "?": _date}


def bind(query: str, day: dt.date, *, placeholder: str) -> tuple[str, tuple[str, ...]]:
    """Put a driver's placeholders for the bounds into a query.

    Args:
        query: With ``:start`` and ``:end``, any number of times.
        day: The day. It begins at midnight UTC; its end is the next day's beginning.
        placeholder: The driver's, as the hook has it.

    Returns:
        The query, and a value for each placeholder, in their order.

    Raises:
        FeedError: Nothing is known of drivers with that placeholder.
    """
    if placeholder not in _FORMS:
        raise FeedError(
            f"[bert_service] sql_conn_id is of a database whose driver has the placeholder {placeholder!r}; known: "
            f"{', '.join(_FORMS)}. Bring the reviews out as files and set [bert_service] feed to files."
        )
    bounds = {"start": day, "end": day + dt.timedelta(days=1)}
    values: list[str] = []

    def put(match: re.Match[str]) -> str:
        if bound := match["bound"]:
            values.append(_FORMS[placeholder](bounds[bound]))
            return placeholder
        # A percent sign that a driver is to leave alone is written twice, in strings too.
        return match[0].replace("%", "%%") if placeholder == "%s" else match[0]

    return _TOKEN.sub(put, query), tuple(values)
