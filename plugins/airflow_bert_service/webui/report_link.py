"""Defines the link to a task's report, which Airflow shows as a button on the task's tab *Details*."""

from airflow.sdk import BaseOperator, BaseOperatorLink
from airflow.sdk.types import TaskInstanceKey

from airflow_bert_service.runs.annotations import REPORT, annotation_store
from airflow_bert_service.webui.report_files import report_page


class ReportLink(BaseOperatorLink):
    """Links to the report that the task's last try wrote. A task without a report has no such button.

    Args:
        name: The button's text.
    """

    def __init__(self, name: str = "Report") -> None:
        self._name = name

    @property
    def name(self) -> str:
        """The button's text."""
        return self._name

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 (Airflow's signature)
        """Return the path of the report's page; empty where there is no report.

        Airflow calls it once in the task's process, when the task has ended in whichever way, and keeps the answer.
        """
        # Imported here: it reads Airflow's configuration when it is imported.
        from airflow.configuration import conf

        left = annotation_store().of_task(ti_key.dag_id, ti_key.run_id, ti_key.task_id, ti_key.map_index)
        if REPORT not in left:
            return ""
        return report_page(
            conf.get("api", "base_url", fallback=""),
            dag_id=ti_key.dag_id,
            run_id=ti_key.run_id,
            task_id=ti_key.task_id,
            map_index=ti_key.map_index,
        )
