"""Schedules the DAG once a day, up to a feed's last day."""

import calendar
import datetime as dt
from collections.abc import Collection
from typing import Any

from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction
from airflow.timetables.interval import CronDataIntervalTimetable
from pendulum import DateTime

from airflow_bert_service.dag.backfill_days import in_utc_days


class DailyUntilTimetable(CronDataIntervalTimetable):
    """Schedules one run for each UTC day, or for those of some weekdays, up to a last day where there is one.

    A DAG's ``end_date`` would do that too, but would also keep the tasks of a run that was triggered later from ever
    being started, without an error: triggering from the UI takes the current moment as logical date.
    The plugin has to list this class, or Airflow refuses DAGs that use it.

    A backfill is for the UTC days of the dates that somebody wrote, in whichever zone Airflow or a browser has read
    them (:mod:`airflow_bert_service.dag.backfill_days`).

    Args:
        last_day: The last day that gets an automatic or backfill run; None: there is no last one.
        weekdays: The weekdays that get one, Monday is 0; none: all.
    """

    def __init__(self, last_day: dt.date | None, weekdays: Collection[int] = ()) -> None:
        super().__init__("0 0 * * *", timezone="UTC")
        self.last_day = last_day
        self.weekdays = frozenset(weekdays)
        names = ", ".join(calendar.day_name[day] for day in sorted(self.weekdays))
        days = f"At midnight UTC, for the data of {names}" if names else "Every day at midnight UTC"
        self.description = days + (f", for data up to {last_day}" if last_day else "")

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """Return the next run after an automatic one; None after the last day.

        Without catchup, days that were missed have no run but the last of them, of the weekdays.
        """
        bounds = in_utc_days(restriction)
        info = super().next_dagrun_info(last_automated_data_interval=last_automated_data_interval, restriction=bounds)
        if info and info.data_interval and not restriction.catchup:
            missed = self._missed(info.data_interval, last_automated_data_interval, bounds.earliest)
            info = DagRunInfo.interval(missed.start, missed.end) if missed else info
        while info and info.data_interval and not self._has_weekday(info.data_interval):
            info = super().next_dagrun_info(last_automated_data_interval=info.data_interval, restriction=bounds)
        interval = info.data_interval if info else None
        is_over = interval and self.last_day and interval.start.date() > self.last_day
        return None if is_over else info

    def _missed(
        self, latest: DataInterval, before: DataInterval | None, earliest: DateTime | None
    ) -> DataInterval | None:
        """Return the last day of the weekdays that has no run, at most a week before the latest day; None: none.

        Airflow skips to the latest day that is over, whatever its weekday: the run of a Monday would be lost with
        everything that does not run on the Tuesday.
        """
        for days in range(7):
            day = DataInterval(latest.start.subtract(days=days), latest.end.subtract(days=days))
            if (before and day.start < before.end) or (earliest and day.start < earliest):
                return None
            if self._has_weekday(day):
                return day
        return None

    def _has_weekday(self, interval: DataInterval) -> bool:
        return not self.weekdays or interval.start.weekday() in self.weekdays

    def serialize(self) -> dict[str, Any]:
        """Return the timetable's fields, for Airflow's database."""
        weekdays = {"weekdays": sorted(self.weekdays)} if self.weekdays else {}
        return {"last_day": self.last_day and self.last_day.isoformat(), **weekdays}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> "DailyUntilTimetable":
        """Make a timetable from its serialized fields."""
        return cls(data["last_day"] and dt.date.fromisoformat(data["last_day"]), data.get("weekdays", ()))
