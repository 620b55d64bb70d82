"""Makes the app of all pages in Airflow's UI, with the settings in ``[bert_service]``."""

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import RedirectResponse
from starlette.routing import Mount, Route

from airflow_bert_service.runs.annotations import AnnotationStore
from airflow_bert_service.settings.settings import load_settings
from airflow_bert_service.webui.models.changes import ModelChanges
from airflow_bert_service.webui.models.pipelines import pipelines_app
from airflow_bert_service.webui.report_app import reports_app

if TYPE_CHECKING:
    from airflow_bert_service.clients.ledger import LedgerClient


def pages_app() -> Starlette:
    """Make the app.

    Raises:
        SettingsError: A setting is wrong.
    """
    settings = load_settings()

    def announce(client: "LedgerClient") -> None:
        # Imported here: what sends messages takes a second to import.
        from airflow_bert_service.notifiers.rollback import announce_newest_rollback

        announce_newest_rollback(client, settings.notifications)

    reports = reports_app(
        settings.pipeline_root, AnnotationStore(settings.annotations), settings.artifacts.artifact_store
    )
    models = pipelines_app(settings, ModelChanges(settings, announce))
    return Starlette(
        routes=[
            Route("/models", lambda _request: RedirectResponse("models/")),  # relative: it holds behind any proxy
            Mount("/models", models),
            Mount("/", reports),
        ]
    )
