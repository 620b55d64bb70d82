"""Declares the Airflow plugin; the code is in the modules that it imports.

An installed wheel registers it by the entry point ``airflow.plugins``; in a checkout, Airflow finds it in the plugins
folder, by ``airflow_bert_service_plugin.py``.
"""

from typing import TYPE_CHECKING

from airflow.plugins_manager import AirflowPlugin

from airflow_bert_service.dag.timetable import DailyUntilTimetable
from airflow_bert_service.runs import listener
from airflow_bert_service.webui.lazy_app import LazyApp
from airflow_bert_service.webui.report_files import URL_PREFIX
from airflow_bert_service.webui.urls import MODELS
from airflow_bert_service.webui.write_lock import WriteSerializingMiddleware

if TYPE_CHECKING:
    from starlette.types import ASGIApp


def _pages() -> "ASGIApp":
    # Imported here: every process of Airflow loads plugins, and only the API server makes the app.
    from airflow_bert_service.pages import pages_app

    return pages_app()


class BertServicePlugin(AirflowPlugin):
    """Registers the timetable, the listener, the web pages, and the API server's middleware."""

    # Declared by Airflow as attributes of instances.
    name = "bert_service"
    timetables = [DailyUntilTimetable]  # noqa: RUF012
    listeners = [listener]  # noqa: RUF012
    fastapi_apps = [{"app": LazyApp(_pages), "url_prefix": URL_PREFIX, "name": "Pages"}]  # noqa: RUF012
    external_views = [  # noqa: RUF012
        # Without a slash at the beginning: Airflow's UI then finds the page below its own base path.
        {"name": "Models", "href": MODELS, "destination": "nav", "url_route": "bert_service_models"},
        {
            "name": "Models",
            "href": f"{MODELS}?dag={{DAG_ID}}",
            "destination": "dag",
            "url_route": "bert_service_dag_models",
        },
        {
            "name": "Models",
            "href": f"{MODELS}?dag={{DAG_ID}}&q={{RUN_ID}}",
            "destination": "dag_run",
            "url_route": "bert_service_run_models",
        },
    ]
    fastapi_root_middlewares = [{"middleware": WriteSerializingMiddleware, "name": "One writing request at a time"}]  # noqa: RUF012
