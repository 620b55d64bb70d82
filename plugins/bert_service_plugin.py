"""The Airflow plugin: what Airflow has to know beforehand. A declaration; the code is in `bert_service`."""

from airflow.plugins_manager import AirflowPlugin
from bert_service.timetables import DailyUntil


class BertServicePlugin(AirflowPlugin):
    """Registers the timetable, without which Airflow refuses DAGs that use it."""

    name = "bert_service"
    timetables = [DailyUntil]  # noqa: RUF012 (declared by Airflow as an attribute of instances)
