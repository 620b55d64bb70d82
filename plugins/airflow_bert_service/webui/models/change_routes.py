"""The routes that change what is in service or kept: for users who may edit the DAG, from pages of this server."""

import threading
from collections.abc import Callable, Mapping
from typing import Annotated

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Depends, FastAPI, HTTPException, Path, Response, status
from fastapi.responses import HTMLResponse, RedirectResponse

from airflow_bert_service.exceptions import NotificationError, PromotionCommandError, SettingsError
from airflow_bert_service.webui.models import links
from airflow_bert_service.webui.models.access import Access
from airflow_bert_service.webui.models.changes import Change, ModelChanges
from airflow_bert_service.webui.models.contents import LARGEST_VERSION, ModelContents
from airflow_bert_service.webui.models.forms import number_in, read_form, reason_in
from airflow_bert_service.webui.models.rendering import Renderer
from airflow_bert_service.webui.models.same_origin import require_same_origin

Form = Annotated[Mapping[str, str], Depends(read_form)]
Version = Annotated[int, Path(ge=1, le=LARGEST_VERSION)]


def add_change_routes(
    app: FastAPI, access: Access, contents: ModelContents, changes: ModelChanges, renderer: Renderer
) -> None:
    """Add the routes to the app.

    Args:
        app: The app.
        access: Who may change.
        contents: What the pages show.
        changes: Carries the changes out.
        renderer: Makes the pages.
    """
    answers = _Answers(contents, changes, renderer)
    may_change = [Depends(access.to_change)]
    # First the origin: a page of another site learns nothing about what its visitor may do.
    by_a_form = [Depends(require_same_origin), *may_change]

    @app.get("/roll-back", dependencies=may_change)
    def ask_roll_back(version: int | None = None) -> HTMLResponse:
        return answers.rollback_page(version)

    @app.post("/roll-back", dependencies=by_a_form)
    def roll_back(fields: Form, user: GetUserDep) -> Response:
        return answers.roll_back(fields, user.get_name())

    @app.post("/versions/{version}/pin", dependencies=by_a_form)
    def pin(version: Version, fields: Form, user: GetUserDep) -> Response:
        return answers.pin(version, fields, user.get_name(), pinned=True)

    @app.post("/versions/{version}/unpin", dependencies=by_a_form)
    def unpin(version: Version, fields: Form, user: GetUserDep) -> Response:
        return answers.pin(version, fields, user.get_name(), pinned=False)


class _Answers:
    """Answers the forms. Asks nobody whether the user may."""

    def __init__(self, contents: ModelContents, changes: ModelChanges, renderer: Renderer) -> None:
        self._contents = contents
        self._changes = changes
        self._renderer = renderer
        self._turn = threading.Lock()

    def rollback_page(
        self, version: int | None, reason: str = "", problem: str = "", code: int = status.HTTP_200_OK
    ) -> HTMLResponse:
        """Return the page with the form of rollbacks, filled in."""
        form = {"chosen": version, "reason": reason, "problem": problem, "possible": self._changes.is_possible}
        return self._renderer.page("roll_back", code, way=links.HERE, **self._contents.roll_back(), **form)

    def roll_back(self, fields: Mapping[str, str], actor: str) -> Response:
        """Roll back; return the way to the version's page, or the form with what went wrong.

        Raises:
            HTTPException: 422; a field is missing or wrong.
        """
        wanted = Change(version=number_in(fields, "version"), reason=reason_in(fields), actor=actor)
        opened_with = number_in(fields, "live")
        if fields.get("confirm") != "yes":
            raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, "confirm is missing; tick the box on the page.")
        trouble = self._trouble(lambda: self._roll_back(opened_with, wanted))
        if trouble:
            return self.rollback_page(wanted.version, wanted.reason, trouble, status.HTTP_409_CONFLICT)
        return RedirectResponse(links.version_link(links.HERE, wanted.version), status.HTTP_303_SEE_OTHER)

    def pin(self, version: int, fields: Mapping[str, str], actor: str, *, pinned: bool) -> Response:
        """Pin or unpin; return the way to the version's page.

        Raises:
            HTTPException: 422; the reason is missing or wrong. 409; the promotion command refused or failed.
        """
        wanted = Change(version=version, reason=reason_in(fields), actor=actor)
        if trouble := self._trouble(lambda: self._changes.pin(self._contents.pipeline(), wanted, pinned=pinned)):
            raise HTTPException(status.HTTP_409_CONFLICT, trouble)
        return RedirectResponse(f"../{version}", status.HTTP_303_SEE_OTHER)

    def _roll_back(self, opened_with: int, wanted: Change) -> None:
        live = self._contents.live()
        if opened_with != live:  # a form that is sent twice, too
            raise PromotionCommandError(
                f"nothing was changed: {live} went into service since you opened this page. Look again"
            )
        try:
            self._changes.roll_back(self._contents.pipeline(), wanted, leaving=opened_with)
        except NotificationError as error:
            raise NotificationError(f"{wanted.version} is in service, but {error}") from error

    def _trouble(self, carry_out: Callable[[], None]) -> str:
        """Carry out a change; return what went wrong, for the user; empty: nothing."""
        # Whoever waits keeps one of the threads that answer all of Airflow's requests, for minutes.
        if not self._turn.acquire(blocking=False):
            return "nothing was changed: another change is being carried out, which may take minutes. Look again then"
        try:
            carry_out()
        except (PromotionCommandError, SettingsError, NotificationError) as error:
            return str(error)
        finally:
            self._turn.release()
        return ""
