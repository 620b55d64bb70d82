"""What tasks leave in XCom beside what they return: news for people, which never decides how a task ends.

Their readers run outside of tasks, in the scheduler (:mod:`bert_service.listener`) and in the API server
(:mod:`bert_service.pages.reports`), and read Airflow's database. An XCom backend that keeps short texts elsewhere hides
them from these.
"""

import logging

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowRuntimeError

VERDICT = "bert_service_verdict"
"""Key of a line for the run's note, like ``blocked: 12 of 300 reviews have no text``. Any operator may push one."""
REPORT = "bert_service_report"
"""Key of the address of a report that the task made for people."""

_logger = logging.getLogger(__name__)


def push_news(context: Context, key: str, value: str) -> None:
    """Push an XCom; a failure is logged as an error, and is not the task's.

    Args:
        context: The running task's.
        key: :data:`VERDICT` or :data:`REPORT`.
        value: The text.
    """
    try:
        context["ti"].xcom_push(key, value)
    except AirflowRuntimeError as error:
        # One line: the traceback is that of Airflow's client, and says no more.
        _logger.error("XCom %s was not stored: %r", key, error)  # noqa: TRY400
