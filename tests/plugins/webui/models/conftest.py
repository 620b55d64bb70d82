from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from tests.plugins.ledgers import SeededState, seeded
from tests.plugins.model_server import RunningModelServer, model_server
from tests.plugins.models_pages import ModelServer, server_of
from tests.support.loopback import HOST, serving


@pytest.fixture(scope="package")
def year(tmp_path_factory: pytest.TempPathFactory) -> SeededState:
    """A year's ledger; tests do not change it."""
    return seeded(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="package")
def client(year: SeededState) -> Iterator[TestClient]:
    """Airflow's API server with the year's pages, one model server that lags behind, and one that is down."""
    with serving(ModelServer) as port, server_of(year, f"http://{HOST}:{port} http://{HOST}:1") as client:
        yield client


@pytest.fixture(scope="package")
def real_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningModelServer]:
    """The project's model server, with two versions of the model, and the model of another pipeline."""
    with model_server(tmp_path_factory.mktemp("model-server")) as server:
        yield server
