"""Makes the pages *Models* of several pipelines: the list of the DAGs folder's own, and below it one for each further.

``models/`` is the list of the pipeline of the DAGs folder, ``models/of/tickets/`` that of the further pipeline
``tickets``. Each asks for the permissions on its own DAG.
"""

from collections.abc import Mapping
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.installation import dags_folder
from airflow_bert_service.pipeline.folders import further_folders
from airflow_bert_service.pipeline.name import pipeline_name
from airflow_bert_service.settings.settings import Settings
from airflow_bert_service.webui.models import links
from airflow_bert_service.webui.models.app import models_app
from airflow_bert_service.webui.models.changes import ModelChanges


def pipelines_app(settings: Settings, changes: ModelChanges) -> Starlette:
    """Make the app of all pipelines.

    Args:
        settings: The Airflow side's settings.
        changes: Carries out what users want to be changed.
    """
    pipelines = _Pipelines(settings)
    own = models_app(settings, changes, others=pipelines.from_own)
    return Starlette(
        routes=[
            Route(f"/{links.FURTHER}/{{pipeline}}", _to_folder),
            Mount(f"/{links.FURTHER}/{{pipeline}}", _Further(pipelines, changes)),
            Mount("/", own),
        ]
    )


class _Pipelines:
    """Knows the pipelines there are now: folders come and go while the server runs."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def further(self) -> list[str]:
        """Return the names of the further pipelines; their settings may be wrong, and their models are there.

        One that has the name of the DAGs folder's own is left out: there is a list of that name already, and each of
        the two would send the DAG's tab to the other.
        """
        own = self._own()
        return [name for folder in further_folders(dags_folder(self.settings.root)) if (name := folder.name) != own]

    def _own(self) -> str:
        try:
            return pipeline_name(dags_folder(self.settings.root))
        except SettingsError:
            return ""  # its own pages say why

    def from_own(self) -> Mapping[str, str]:
        """Return the addresses of the further pipelines' lists, from the list of the DAGs folder's own."""
        return {name: f"{links.FURTHER}/{quote(name)}/" for name in self.further()}

    def from_further(self, name: str) -> Mapping[str, str]:
        """Return the addresses of the others' lists, from the list of a further pipeline."""
        own = {found: "../../"} if (found := self._own()) else {}
        return {**own, **{other: f"../{quote(other)}/" for other in self.further() if other != name}}


class _Further:
    """Has the app of a further pipeline answer; makes each once.

    Args:
        pipelines: The pipelines there are.
        changes: Carries out what users want to be changed.
    """

    def __init__(self, pipelines: _Pipelines, changes: ModelChanges) -> None:
        self._pipelines = pipelines
        self._changes = changes
        self._apps: dict[str, ASGIApp] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = str(scope["path_params"]["pipeline"])
        if name not in self._pipelines.further():
            answer = PlainTextResponse("There is no such pipeline. The page Models lists those that there are.\n", 404)
            await answer(scope, receive, send)
            return
        if name not in self._apps:
            self._apps[name] = models_app(
                self._pipelines.settings,
                self._changes,
                further=name,
                others=lambda: self._pipelines.from_further(name),
            )
        await self._apps[name](scope, receive, send)


def _to_folder(request: Request) -> Response:
    return RedirectResponse(f"{quote(request.path_params['pipeline'])}/")  # relative: it holds behind any proxy
