"""Derives a run's data date, and the window of days that it trains on.

A run's *data date* is decided by the first of these rules that applies; every day is a UTC day:

1. The parameter ``data_date`` names it.
2. A scheduled or backfill run: the day that its data interval begins on.
3. A run with a logical date (triggered by hand, or by another DAG): that day when it is midnight, in UTC or in
   Airflow's default time zone, because that is how a day is written as a moment
   (``airflow dags trigger -l 2026-11-05``). A moment near the run's ``run_after`` means "now", and the newest data that
   is complete is then the day before. Any other moment is refused: it may be midnight somewhere else, and Airflow does
   not keep where.
4. A run without a logical date: the last day that was complete at the run's ``run_after``.

A manual run's data interval is not looked at: the timetable makes it the
interval before the logical date, which is not the day that its user wrote.
"""

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_bert_service.exceptions import DataDateError
from airflow_bert_service.runs.default_zone import day_that_begins_at

if TYPE_CHECKING:
    from airflow.sdk import Context

PARAMETER = "data_date"
FIRST = dt.date(1970, 1, 1)
"""The first day that can be a data date: spans are numbered from it on."""
LAST = dt.date(2099, 12, 31)
"""The last day that can be a data date: a later one is a typing error."""
PATTERN = r"^(19[7-9]\d|20\d\d)-\d\d-\d\d$"
"""What a day from :data:`FIRST` to :data:`LAST` looks like, as a regular expression of JSON Schema."""
INTERVAL_RUN_TYPES = frozenset({"scheduled", "backfill"})
ONE_DAY = dt.timedelta(days=1)
NEAR = dt.timedelta(hours=1)
"""How far a logical date that means "now" may be from ``run_after``: a trigger form may stay open for a while."""


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """The facts of a DAG run that its data date is derived from. Moments are aware of their time zone."""

    run_type: str
    """Airflow's run type: ``scheduled``, ``backfill``, ``manual``, ``operator_triggered``, ``asset_triggered`` ..."""
    run_after: dt.datetime
    """The earliest moment that the run could begin; every run has one."""
    logical_date: dt.datetime | None = None
    logical_day: dt.date | None = None
    """The day that begins at the logical date in Airflow's default time zone; None: no day does."""
    data_interval_start: dt.datetime | None = None
    data_date: object = None
    """The run's parameter ``data_date`` as it was given; None: not given."""


@dataclass(frozen=True)
class Window:
    """Consecutive days, both ends included; empty when ``last_day`` is before ``first_day``."""

    first_day: dt.date
    last_day: dt.date

    @classmethod
    def ending(cls, last_day: dt.date, *, days: int) -> "Window":
        """Make the window of ``days`` days that ends with ``last_day``."""
        return cls(last_day - ONE_DAY * (days - 1), last_day)

    def clipped(self, first_day: dt.date) -> "Window":
        """Return the part of the window from ``first_day`` on."""
        return Window(max(self.first_day, first_day), self.last_day)

    def __len__(self) -> int:
        return max((self.last_day - self.first_day).days + 1, 0)

    def __iter__(self) -> Iterator[dt.date]:
        return (self.first_day + ONE_DAY * offset for offset in range(len(self)))

    @property
    def start_span(self) -> int:
        """Span number of the first day."""
        return span_number(self.first_day)

    @property
    def end_span(self) -> int:
        """Span number of the last day."""
        return span_number(self.last_day)

    @property
    def range_config(self) -> str:
        """The window as JSON of TFX's ``RangeConfig`` (``tfx/proto/range_config.proto``), in span numbers."""
        return json.dumps({"static_range": {"start_span_number": self.start_span, "end_span_number": self.end_span}})


def span_number(day: dt.date) -> int:
    """Return TFX's span number of a day, which counts the days since 1970-01-01."""
    return (day - FIRST).days


def data_date(facts: RunFacts) -> dt.date:
    """Derive a run's data date, by the rules at the top of this module.

    Args:
        facts: The run's facts.

    Returns:
        The data date, a UTC day.

    Raises:
        DataDateError: The parameter ``data_date`` was given and is not a date, the logical date names no day, or
            the day is before 1970 or after 2099.
    """
    day = _data_date(facts)
    if not FIRST <= day <= LAST:
        raise DataDateError(
            f"the run's data date is {day}; allowed: a day from {FIRST} to {LAST}. Trigger the run anew with the "
            f"parameter {PARAMETER}, or with another logical date."
        )
    return day


def _data_date(facts: RunFacts) -> dt.date:
    if facts.data_date is not None:
        return _parameter(facts.data_date)
    if facts.run_type in INTERVAL_RUN_TYPES and facts.data_interval_start is not None:
        return _utc(facts.data_interval_start).date()
    if facts.logical_date is not None:
        return _named_by(_utc(facts.logical_date), facts.logical_day, _utc(facts.run_after))
    return _last_complete_day(_utc(facts.run_after))


def facts_from(context: "Context") -> RunFacts:
    """Read a run's facts from the context that Airflow gives a task."""
    return facts_of(context["dag_run"], context["params"])


def facts_of(run: Any, parameters: Mapping[str, Any]) -> RunFacts:
    """Read a run's facts.

    Args:
        run: Airflow's, of a task's context or of its database.
        parameters: The run's.
    """
    return RunFacts(
        run_type=str(getattr(run.run_type, "value", run.run_type)),
        run_after=run.run_after,
        logical_date=run.logical_date,
        logical_day=day_that_begins_at(run.logical_date) if run.logical_date else None,
        data_interval_start=run.data_interval_start,
        data_date=parameters.get(PARAMETER),
    )


def _named_by(moment: dt.datetime, day: dt.date | None, run_after: dt.datetime) -> dt.date:
    if moment.time() == dt.time.min:
        return moment.date()
    if day is not None:
        return day
    if abs(moment - run_after) <= NEAR:
        return _last_complete_day(moment)
    raise DataDateError(
        f"the run's logical date is {moment.isoformat()}; allowed: midnight, in UTC or in Airflow's default_timezone, "
        f"which names a day ({moment.date().isoformat()}T00:00:00+00:00), or the time of the trigger, "
        f"{run_after.isoformat()}, which means yesterday. A day that is midnight in another time zone has to be named: "
        f"trigger the run anew with the parameter {PARAMETER}."
    )


def _parameter(value: object) -> dt.date:
    try:
        day = dt.date.fromisoformat(str(value))
    except ValueError:
        day = None
    # Python reads 20261105 and 2026-W45-4 too; one way to write a day is enough, and it is the folders' way.
    if day is None or day.isoformat() != value:
        raise DataDateError(
            f"parameter {PARAMETER} is {value!r}; allowed: a day like 2026-11-05, or null for the run's own date. "
            "Trigger the run anew with one of these."
        )
    return day


def _utc(moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(dt.timezone.utc)


def _last_complete_day(moment: dt.datetime) -> dt.date:
    # Also right at midnight: the day that ends then is complete.
    return moment.date() - ONE_DAY
