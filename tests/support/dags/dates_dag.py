"""A DAG file: the task that reads the feed, with the schedule and the form of the project's DAG, and no other task."""

import datetime as dt

from airflow.sdk import DAG
from airflow_bert_service.dag.parameters import run_parameters
from airflow_bert_service.dag.timetable import DailyUntilTimetable
from airflow_bert_service.feeds import make_feed
from airflow_bert_service.operators.refresh import DataRefreshOperator
from airflow_bert_service.settings.settings import load_settings

settings = load_settings()
feed = make_feed(settings)

with DAG(
    "dates",
    schedule=DailyUntilTimetable(feed.last_day),
    start_date=dt.datetime.combine(feed.first_day, dt.time.min, dt.timezone.utc),
    catchup=False,
    params=run_parameters(feed.days_in_words),
):
    DataRefreshOperator(task_id="refresh_data", settings=settings)
