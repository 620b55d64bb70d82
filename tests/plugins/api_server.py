"""Airflow's real API server in this process, on the database of the tests' own Airflow."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from airflow.api_fastapi.app import create_app, get_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow_bert_service.plugin import BertServicePlugin
from fastapi.testclient import TestClient

from tests.plugins.gate_run import migrate


@contextmanager
def only_reading_dags() -> Iterator[None]:
    """Have no user see the tasks of DAGs, as an auth manager does that has permissions for parts of DAGs."""
    manager = get_auth_manager()
    may = manager.is_authorized_dag
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manager, "is_authorized_dag", lambda **asked: asked["access_entity"] is None and may(**asked))
        yield


@contextmanager
def api_server() -> Iterator[TestClient]:
    """Run the API server of the UI, with its plugins; its variables hold as long as the block."""
    migrate()
    with pytest.MonkeyPatch.context() as patch:
        for mounted in BertServicePlugin.fastapi_apps:
            patch.setattr(mounted["app"], "_app", None)  # made anew with this server's settings, as in a new process
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "s" * 64)  # as long as the stack's; Airflow's own is shorter
        with TestClient(create_app(apps="core")) as client:
            yield client


def login(role: str | None, user: str = "anna") -> dict[str, str]:
    """Return the header that a user of that role sends; None: one who may see nothing."""
    token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=user, role=role))
    return {"Authorization": f"Bearer {token}"}
