"""Reads moments as days of Airflow's default time zone, ``[core] default_timezone``.

Airflow's commands read a date that is written without a zone in that one, and pass on the moment alone: of
``airflow dags trigger -l 2026-11-05`` in Los Angeles, 2026-11-05 08:00 UTC.
"""

import datetime as dt

from airflow.sdk import timezone


def day_that_begins_at(moment: dt.datetime) -> dt.date | None:
    """Return the day that begins at a moment in Airflow's default time zone; None: no day does.

    Args:
        moment: Aware of its time zone, which does not matter.
    """
    day = timezone.make_naive(moment).date()  # type: ignore[no-untyped-call]
    # As Airflow reads the day, also where a day begins at one o'clock, because its first hour is left out.
    return day if timezone.parse(day.isoformat()) == moment else None
