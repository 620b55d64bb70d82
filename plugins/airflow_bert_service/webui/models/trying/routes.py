"""The routes of *Try it*: for users who may read the DAG, from pages of this server."""

from collections.abc import Sequence
from typing import Annotated, Any

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Depends, FastAPI, Query, status
from fastapi.responses import HTMLResponse

from airflow_bert_service.clients.model_status import ServerStatus
from airflow_bert_service.exceptions import RequestRefusedError, SettingsError
from airflow_bert_service.webui.models import links
from airflow_bert_service.webui.models.access import Access
from airflow_bert_service.webui.models.contents import ModelContents
from airflow_bert_service.webui.models.rendering import Renderer
from airflow_bert_service.webui.models.same_origin import require_same_origin
from airflow_bert_service.webui.models.trying import texts, words
from airflow_bert_service.webui.models.trying.asking import WORDS_SECONDS, ModelAsker
from airflow_bert_service.webui.models.trying.examples import KEY_VARIABLE
from airflow_bert_service.webui.models.trying.forms import LONGEST_VERSION, VERSION, TryForm, read_try_form

Form = Annotated[TryForm, Depends(read_try_form)]
Version = Annotated[str, Query(pattern=f"^{VERSION}$")]

_LIMITS = {
    "most_texts": texts.MOST_TEXTS,
    "most_bytes": texts.MOST_BYTES,
    "most_asked": words.MOST_ASKED,
    "words_bytes": words.MOST_BYTES,
    "words_seconds": WORDS_SECONDS,
    "longest_version": LONGEST_VERSION,
    "key_variable": KEY_VARIABLE,
}


def add_try_routes(
    app: FastAPI, access: Access, contents: ModelContents, asker: ModelAsker, renderer: Renderer
) -> None:
    """Add the routes to the app.

    Args:
        app: The app.
        access: Who may see.
        contents: Which pipeline it is.
        asker: Asks the model servers.
        renderer: Makes the pages.
    """

    def page(form: TryForm, servers: Sequence[ServerStatus], code: int = 200, **values: Any) -> HTMLResponse:
        served = {number for server in servers for number, state in server.states if state == "AVAILABLE"}
        shown = {"outcome": None, "problem": "", **values, **_LIMITS, "served": sorted(served, reverse=True)}
        return renderer.page(
            "try", code, way=links.HERE, pipeline=contents.pipeline(), servers=servers, form=form, **shown
        )

    @app.get("/try", dependencies=[Depends(access.to_see)])
    def ask_what(version: Version = "") -> HTMLResponse:
        return page(TryForm(version=version), asker.servers())

    # First the origin, as for changes: a page of another site may not have a user's browser keep a model busy.
    @app.post("/try", dependencies=[Depends(require_same_origin), Depends(access.to_see)])
    def ask(form: Form, user: GetUserDep) -> HTMLResponse:
        servers = asker.servers()
        if form.refused:
            return page(form, servers, form.refused.status, problem=str(form.refused))
        try:
            outcome = asker.ask(form, servers, user.get_id())
        except RequestRefusedError as error:
            return page(form, servers, error.status, problem=str(error))
        except SettingsError as error:
            return page(form, servers, status.HTTP_503_SERVICE_UNAVAILABLE, problem=str(error))
        is_answered = any(not one.answer.problem for one in outcome.versions)
        return page(form, servers, 200 if is_answered else status.HTTP_502_BAD_GATEWAY, outcome=outcome)
