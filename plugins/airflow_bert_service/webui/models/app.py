"""Makes the app of the page *Models*; Airflow's server mounts it, and frames it in its UI."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response, status
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, PlainTextResponse
from starlette.exceptions import HTTPException as AnyHTTPException

from airflow_bert_service.exceptions import BertServiceError
from airflow_bert_service.promotion.events import EventKind
from airflow_bert_service.promotion.ledger_reader import HistoryQuery, Order
from airflow_bert_service.settings.settings import Settings
from airflow_bert_service.webui.models import links
from airflow_bert_service.webui.models.access import Access
from airflow_bert_service.webui.models.change_routes import Version, add_change_routes
from airflow_bert_service.webui.models.changes import ModelChanges
from airflow_bert_service.webui.models.contents import ModelContents
from airflow_bert_service.webui.models.curves.series import Topic
from airflow_bert_service.webui.models.rendering import Renderer
from airflow_bert_service.webui.models.trying.asking import ModelAsker
from airflow_bert_service.webui.models.trying.routes import add_try_routes
from airflow_bert_service.webui.report_app import HEADERS, LOGIN_HINT

LONGEST_SEARCH = 250
"""Characters of a text that is searched for: as many as a run's id may have."""
NO_NULL = r"^[^\x00]*$"
"""PostgreSQL has no texts with null characters, and takes none to search for."""
LAST_PAGE = 1_000_000
MOST_DAYS = 3660
_POLICY = "Content-Security-Policy"
CARD_HEADERS = {**HEADERS, _POLICY: HEADERS[_POLICY].replace("frame-ancestors 'none'", "frame-ancestors 'self'")}
"""Those of a report, but for the frame that Airflow's UI shows the pages in."""


Others = Callable[[], Mapping[str, str]]
"""Returns the addresses of other pipelines' lists, from this one's folder, by their names."""


def no_others() -> Mapping[str, str]:
    """Return no other pipelines."""
    return {}


def models_app(settings: Settings, changes: ModelChanges, *, further: str = "", others: Others = no_others) -> FastAPI:
    """Make the app of a pipeline.

    Args:
        settings: The Airflow side's settings: ledger, model servers, served folder.
        changes: Carries out what users want to be changed.
        further: The name of a further pipeline, whose app is in a folder of that name in the folder ``of`` in the
            list's; empty: the pipeline of the DAGs folder.
        others: The other pipelines.
    """
    # Without pages of documentation, and without redirects that would name the host that a proxy asks for.
    app = FastAPI(title="Models", openapi_url=None, redirect_slashes=False)
    renderer = Renderer(f"../../{links.FROM_LIST}" if further else links.FROM_LIST)
    contents = ModelContents(settings, further)
    access = Access(contents.pipeline)
    _answer_errors(app, renderer)
    _add_card(app, access, contents)
    add_change_routes(app, access, contents, changes, renderer)
    add_try_routes(app, access, contents, ModelAsker(settings, contents.pipeline), renderer)
    MayChange = Annotated[bool, Depends(access.may_change)]  # noqa: N806 (a type)
    MaySeeReports = Annotated[bool, Depends(access.may_see_reports)]  # noqa: N806 (a type)

    def seen_others(request: Request, user: GetUserDep) -> list[tuple[str, str]]:
        return [(name, way) for name, way in others().items() if Access(lambda: name).may_see(request, user)]  # noqa: B023

    def to_see(request: Request, user: GetUserDep, dag: str = "") -> None:
        if way := others().get(dag):  # the tab of another pipeline's DAG; its own list asks for the permission
            location = {"Location": f"{way}?{request.url.query}"}
            raise HTTPException(status.HTTP_307_TEMPORARY_REDIRECT, "The models of this DAG are elsewhere.", location)
        access.to_see(request, user)

    @app.get("/", dependencies=[Depends(to_see)])
    def models(
        seen: Annotated[list[tuple[str, str]], Depends(seen_others)],
        may_change: MayChange,
        kind: EventKind | None = None,
        q: Annotated[str, Query(max_length=LONGEST_SEARCH, pattern=NO_NULL)] = "",
        by: Order = Order.TIME,
        page: Annotated[int, Query(ge=1, le=LAST_PAGE)] = 1,
        dag: str = "",
    ) -> HTMLResponse:
        if dag and dag != contents.pipeline():
            return renderer.page("other_dag", way=links.HERE, pipeline=contents.pipeline(), dag=dag)
        query = HistoryQuery(kind=kind, text=q.strip(), order=by, page=page)
        return renderer.page("models", way=links.HERE, may_change=may_change, others=seen, **contents.models(query))

    @app.get("/curves", dependencies=[Depends(access.to_see)])
    def curves(of: Topic = Topic.ACCURACY, days: Annotated[int, Query(ge=1, le=MOST_DAYS)] = 90) -> HTMLResponse:
        return renderer.page("curves", way=links.HERE, **contents.curves(of, days))

    @app.get("/versions/{version}", dependencies=[Depends(access.to_see)])
    def version(version: Version, may_change: MayChange, may_see_reports: MaySeeReports) -> HTMLResponse:
        found = contents.version(version)
        if found is None:
            raise HTTPException(
                status.HTTP_404_NOT_FOUND,
                f"Version {version} of {contents.pipeline()} was never in service. Open the page Models, which lists "
                "those that were.",
            )
        found["has_card"] = found["has_card"] and may_see_reports
        return renderer.page("version", way=links.ABOVE, may_change=may_change and changes.is_possible, **found)

    return app


def _add_card(app: FastAPI, access: Access, contents: ModelContents) -> None:
    # A card has the reports of the run's tasks in it, and asks for what they ask for.
    @app.get("/versions/{version}/card", dependencies=[Depends(access.to_see), Depends(access.to_see_reports)])
    def card(version: Version) -> HTMLResponse:
        found = contents.card(version)
        if found is None:
            raise HTTPException(
                status.HTTP_404_NOT_FOUND,
                f"Version {version} of {contents.pipeline()} has no model card. Those have one that a run of this "
                "release or a later one has put into service, until retention removes them.",
            )
        return HTMLResponse(found, headers=CARD_HEADERS)


def _answer_errors(app: FastAPI, renderer: Renderer) -> None:
    @app.middleware("http")
    async def add_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call_next(request)
        for name, value in renderer.headers.items():
            response.headers.setdefault(name, value)  # a card is no page of ours, and has a policy of its own
        return response

    @app.exception_handler(AnyHTTPException)  # also those of addresses and methods that there are not
    async def refuse(_request: Request, error: AnyHTTPException) -> Response:
        hint = LOGIN_HINT if error.status_code == status.HTTP_401_UNAUTHORIZED else ""
        return PlainTextResponse(f"{error.detail}\n{hint}", error.status_code, error.headers)

    @app.exception_handler(RequestValidationError)
    async def refuse_address(_request: Request, error: RequestValidationError) -> Response:
        lines = (f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}\n" for fault in error.errors())
        return PlainTextResponse("".join(lines), status.HTTP_422_UNPROCESSABLE_CONTENT)

    @app.exception_handler(BertServiceError)
    async def explain(_request: Request, error: BertServiceError) -> Response:
        return renderer.page("error", status.HTTP_503_SERVICE_UNAVAILABLE, way=links.HERE, reason=str(error))
