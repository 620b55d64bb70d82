"""Declares the Airflow plugin; the code is in the modules that it imports.

An installed wheel registers it by the entry point ``airflow.plugins``; in a checkout, Airflow finds it in the plugins
folder, by ``airflow_bert_service_plugin.py``.
"""

from airflow.plugins_manager import AirflowPlugin

from airflow_bert_service.dag.timetable import DailyUntilTimetable
from airflow_bert_service.runs import listener
from airflow_bert_service.webui.lazy_app import LazyApp, make_reports
from airflow_bert_service.webui.report_files import URL_PREFIX
from airflow_bert_service.webui.write_lock import WriteSerializingMiddleware


class BertServicePlugin(AirflowPlugin):
    """Registers the timetable, the listener, the web pages of reports, and the API server's middleware."""

    # Declared by Airflow as attributes of instances.
    name = "bert_service"
    timetables = [DailyUntilTimetable]  # noqa: RUF012
    listeners = [listener]  # noqa: RUF012
    fastapi_apps = [{"app": LazyApp(make_reports), "url_prefix": URL_PREFIX, "name": "Reports of tasks"}]  # noqa: RUF012
    fastapi_root_middlewares = [{"middleware": WriteSerializingMiddleware, "name": "One writing request at a time"}]  # noqa: RUF012
