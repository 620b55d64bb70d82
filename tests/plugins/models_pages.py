"""The page *Models* of a state folder, in Airflow's real API server."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import pytest
from airflow_bert_service.notifiers.rollback import announce_newest_rollback
from airflow_bert_service.settings.settings import settings_from
from airflow_bert_service.webui.models.app import models_app
from airflow_bert_service.webui.models.changes import ModelChanges
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.plugins.api_server import api_server, login
from tests.plugins.ledgers import SeededState

PAGE = "/bert_service/models/"
SERVED = 2026110401


class ModelServer(BaseHTTPRequestHandler):
    """A model server that has not followed the ledger yet."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        served = {"version": str(SERVED), "state": "AVAILABLE"}
        self.wfile.write(json.dumps({"model_version_status": [served]}).encode())


@contextmanager
def server_of(state: SeededState, servers: str = "") -> Iterator[TestClient]:
    """Run the API server with the pages of a state folder.

    Args:
        state: The state.
        servers: The setting `model_servers`.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__BERT_SERVICE__STATE", str(state.folder))
        patch.setenv("AIRFLOW__BERT_SERVICE__MODEL_SERVERS", servers)
        with api_server() as client:
            yield client


def pages_of(state: SeededState, **settings: str) -> TestClient:
    """Return the pages of another state folder, below the same address, by the running API server's logins.

    Args:
        state: The state.
        settings: More settings of `[bert_service]`.
    """
    read = settings_from({"state": str(state.folder), **settings})
    app = models_app(read, ModelChanges(read, lambda client: announce_newest_rollback(client, read.notifications)))
    return TestClient(Starlette(routes=[Mount(PAGE.rstrip("/"), app)]))


def text_of(html: str) -> str:
    """What a reader sees, roughly."""
    body = html.partition("<main>")[2]
    return " ".join(re.sub(r"<[^>]*>", " ", body).split())


def see(client: TestClient, path: str = "", role: str | None = "viewer") -> str:
    """The HTML of a page."""
    answer = client.get(PAGE + path, headers=login(role))
    assert answer.status_code == 200, answer.text
    return str(answer.text)
