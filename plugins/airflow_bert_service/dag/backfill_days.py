"""Finds the UTC days that the bounds of a backfill mean.

Airflow keeps bounds as moments, made of the dates that somebody wrote:

- ``airflow backfill create`` reads dates in Airflow's default time zone;
- the form in the UI sends the beginning of the first day and the last millisecond of the last one, in the time zone
  that the UI shows, which is the browser's at first.

Taken as they are, they would lack a day, or be a day late, wherever that zone is not UTC.
"""

import datetime as dt

import pendulum
from airflow.timetables.base import TimeRestriction

from airflow_bert_service.runs.default_zone import day_that_begins_at

_MILLISECOND = dt.timedelta(milliseconds=1)
_WEST = dt.time(10)
"""A day that begins before ten o'clock UTC, begins so in a zone west of UTC. Later ones are taken for zones east of it:
ten to twelve o'clock may be Auckland's next day, or Honolulu's."""


def in_utc_days(restriction: TimeRestriction) -> TimeRestriction:
    """Return the restriction with each bound at the beginning of the UTC day that it means.

    Bounds that are midnight UTC stay, and so do those that begin no day of Airflow's default zone and are not the
    form's.
    """
    earliest, latest = restriction.earliest, restriction.latest
    of_form = latest is not None and latest.second == 59 and latest.microsecond == 999_000
    if latest is not None:
        latest = _day(latest + _MILLISECOND, of_form=True).subtract(days=1) if of_form else _day(latest, of_form=False)
    return TimeRestriction(earliest and _day(earliest, of_form=of_form), latest, restriction.catchup)


def _day(moment: pendulum.DateTime, *, of_form: bool) -> pendulum.DateTime:
    utc = moment.in_timezone("UTC")
    if utc.time() == dt.time.min:
        return utc
    if day := day_that_begins_at(moment):
        return pendulum.datetime(day.year, day.month, day.day, tz="UTC")
    if not of_form:
        return utc
    return utc.start_of("day") if utc.time() < _WEST else utc.add(days=1).start_of("day")
