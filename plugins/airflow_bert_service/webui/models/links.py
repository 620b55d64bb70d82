"""Makes addresses of pages, relative to the page that has them: so they hold behind any proxy and base path."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

from airflow_bert_service.promotion.events import EventKind
from airflow_bert_service.promotion.ledger_reader import HistoryQuery, Order

HERE = ""
"""The way from the list to the list's folder."""
ABOVE = "../"
"""The way from a version's page to the list's folder."""
FROM_LIST = "../../"
"""The way from the folder of the list to Airflow's own."""
FURTHER = "of"
"""The folder, in that of the list, that has one for each further pipeline."""


def dag_link(way: str, airflow: str, dag_id: str) -> str:
    """Return the address of a DAG's page in Airflow.

    Args:
        way: From the page that has the link to the list's folder.
        airflow: From the list's folder to Airflow's own.
        dag_id: The DAG.
    """
    return f"{way}{airflow}dags/{quote(dag_id, safe='')}"


def run_link(way: str, airflow: str, dag_id: str, run_id: str) -> str:
    """Return the address of a run's page in Airflow.

    Args:
        way: As for :func:`dag_link`.
        airflow: Likewise.
        dag_id: The DAG.
        run_id: The run.
    """
    return f"{dag_link(way, airflow, dag_id)}/runs/{quote(run_id, safe='')}"


def version_link(way: str, version: int) -> str:
    """Return the address of a version's page."""
    return f"{way}versions/{version}"


def history_link(query: HistoryQuery, **changes: Any) -> str:
    """Return the address of a page of the history.

    Args:
        query: What is shown now.
        changes: Fields of the query that become others. Unless it is one of them, ``page`` becomes 1.
    """
    wanted = replace(query, **{"page": 1, **changes})
    given: Mapping[str, str | int] = {
        "kind": wanted.kind.value if isinstance(wanted.kind, EventKind) else "",
        "q": wanted.text,
        "by": "" if wanted.order is Order.TIME else wanted.order.value,
        "page": "" if wanted.page == 1 else wanted.page,
    }
    return f"./?{urlencode({name: value for name, value in given.items() if value})}"
