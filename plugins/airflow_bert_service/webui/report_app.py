"""Makes the app that shows the reports of tasks to users who may see these tasks.

Airflow's server mounts it; it stands behind Airflow's own login and permissions, which an app of a plugin only has when
it asks for them.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Annotated

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response, status
from fastapi.responses import HTMLResponse, PlainTextResponse

from airflow_bert_service.exceptions import ReportError
from airflow_bert_service.runs.annotations import REPORT, STORED_AS, AnnotationStore
from airflow_bert_service.webui.report_files import read_report

HEADERS = {
    # Pictures and styles that are inside the page; nothing is run, loaded, sent or framed.
    "Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-store",
}
LARGEST_MAP_INDEX = 2**31 - 1
"""The largest whole number of a column in Airflow's database."""
LOGIN_HINT = "Log in to Airflow in this browser, then open this page again.\n"

_logger = logging.getLogger(__name__)


def reports_app(root: Path, annotations: AnnotationStore, store: str = "") -> FastAPI:
    """Make the app that shows reports.

    Args:
        annotations: Where tasks leave the paths of their reports.
        root: The folder that reports of all pipelines are in; nothing outside of it is read. A report is shown for
            its own pipeline's DAG; one that an earlier release wrote does not say whose it is, and is shown for any.
        store: The artifact store's address, at which the same holds; empty: there is none.
    """
    app = FastAPI(title="Reports", openapi_url=None)  # without pages of documentation

    @app.middleware("http")
    async def add_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call_next(request)
        response.headers.update(HEADERS)
        return response

    @app.exception_handler(HTTPException)
    async def show_error(_request: Request, error: HTTPException) -> Response:
        hint = LOGIN_HINT if error.status_code == status.HTTP_401_UNAUTHORIZED else ""
        return PlainTextResponse(f"{error.detail}\n{hint}", error.status_code, error.headers)

    @app.get(
        "/reports/{dag_id}/{run_id}/{task_id}",
        # First the ids: PostgreSQL takes no null characters to search for.
        dependencies=[
            Depends(_refuse_nulls),
            Depends(requires_access_dag("GET", DagAccessEntity.TASK_INSTANCE)),
        ],
    )
    def report(
        dag_id: str, run_id: str, task_id: str, map_index: Annotated[int, Query(ge=-1, le=LARGEST_MAP_INDEX)] = -1
    ) -> Response:
        left = annotations.of_task(dag_id, run_id, task_id, map_index)
        if REPORT not in left:
            raise _no_report(dag_id, run_id, task_id)
        return HTMLResponse(_page(left, root, dag_id, store))

    return app


def _refuse_nulls(request: Request) -> None:
    if any("\0" in part for part in request.path_params.values()):
        raise HTTPException(
            status.HTTP_404_NOT_FOUND,
            "There is no such task: an id in the address has a null character. Open the report by the button on the "
            "task's tab Details.",
        )


def _no_report(dag_id: str, run_id: str, task_id: str) -> HTTPException:
    return HTTPException(
        status.HTTP_404_NOT_FOUND,
        f"The task {task_id} of run {run_id} of DAG {dag_id} has no report. Either its last try ended before its node "
        "had an output, and its log has the reason; or retention has removed what the task left; or it ran with an "
        "earlier release, whose reports are only in the folders of the artifacts. Run the task again to write one.",
    )


def _page(left: Mapping[str, str], root: Path, dag_id: str, store: str) -> bytes:
    uri = left[REPORT]
    try:
        return read_report(uri, root, dag_id, store=store, stored_as=left.get(STORED_AS, ""))
    except ReportError as error:
        _logger.warning("%s", error)
        raise HTTPException(status.HTTP_403_FORBIDDEN, str(error)) from error
    except OSError as error:
        raise HTTPException(
            status.HTTP_404_NOT_FOUND,
            f"The report at {uri} cannot be read ({error.strerror or 'not a file'}). Either the node wrote none, or "
            "its artifacts were removed, or this server cannot read the folder or the artifact store. Run the task "
            "again to write one.",
        ) from error
