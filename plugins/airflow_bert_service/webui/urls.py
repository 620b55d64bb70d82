"""Builds the URLs of Airflow's pages that an event of the ledger refers to."""

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from airflow_bert_service.promotion.events import EventKind, PromotionEvent
from airflow_bert_service.webui.report_files import URL_PREFIX, report_page

if TYPE_CHECKING:
    from airflow.sdk import Context

MODELS = f"{URL_PREFIX.removeprefix('/')}/models/"
"""Path of the page *Models* below Airflow's base path."""

REQUIRED_ACTIONS = "required_actions"
"""Path, below a task's page in Airflow's UI, of the form that answers its request."""


def links_of(event: PromotionEvent, context: "Context") -> Mapping[str, str]:
    """Return URLs by label: of the run, of the task that announces the event, and of the run's reports.

    Where the event is a request that waits, the first one is that of the form that answers it.

    Args:
        event: The event.
        context: The context of the task that announces the event; its run need not be the event's.

    Returns:
        The URLs; none where ``[api] base_url`` is not set, because Airflow does not know its own address then.
    """
    # Imported here: it reads Airflow's configuration when it is imported.
    from airflow.configuration import conf

    base = conf.get("api", "base_url", fallback="").rstrip("/")
    task = context.get("ti")
    if not base or not task:
        return {}
    links = {"Task": _page(base, task.dag_id, task.run_id, task.task_id)}
    if event.dag_id and event.run_id:
        links = {"Run": _page(base, event.dag_id, event.run_id), **links}
    if event.kind is EventKind.WAITING:
        links = {"Answer": f"{links['Task']}/{REQUIRED_ACTIONS}", **links}
    if (event.dag_id, event.run_id) == (task.dag_id, task.run_id):
        links.update(_reports(base, context))
    return links


def links_of_run(context: "Context", further: str = "") -> Mapping[str, str]:
    """Return URLs by label for a run that waits for a person: the run, its reports and the page *Models*.

    Args:
        context: The context of the task that asks.
        further: The name of a further pipeline, which has a page *Models* of its own; empty: that of the DAGs folder.

    Returns:
        The URLs; none where ``[api] base_url`` is not set.
    """
    from airflow.configuration import conf

    base = conf.get("api", "base_url", fallback="").rstrip("/")
    if not base:
        return {}
    task = context["ti"]
    models = f"{base}/{MODELS}" + (f"of/{quote(further, safe='')}/" if further else "")
    return {"Run": _page(base, task.dag_id, task.run_id), **_reports(base, context), "Models": models}


def _page(base: str, dag_id: str, run_id: str, task_id: str = "") -> str:
    run = f"{base}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"
    return f"{run}/tasks/{quote(task_id, safe='')}" if task_id else run


def _reports(base: str, context: "Context") -> Mapping[str, str]:
    """Return the URLs of the reports that tasks of the run have left, by the texts of their buttons."""
    from airflow_bert_service.runs.annotations import REPORT, annotation_store
    from airflow_bert_service.webui.report_link import ReportLink

    task, host, store = context["ti"], urlsplit(base), annotation_store()
    found = {}
    for other in context["dag"].tasks:
        names = [link.name for link in other.operator_extra_links if isinstance(link, ReportLink)]
        if names and REPORT in store.of_task(task.dag_id, task.run_id, other.task_id):
            page = report_page(base, dag_id=task.dag_id, run_id=task.run_id, task_id=other.task_id)
            found[names[0]] = f"{host.scheme}://{host.netloc}{page}"
    return found
