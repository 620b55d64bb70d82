"""Writing requests at the same time, in Airflow's real API server on SQLite."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.webui.write_lock import WriteSerializingMiddleware
from fastapi.testclient import TestClient
from starlette.types import ASGIApp

from tests.plugins.api_server import api_server, login


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with api_server() as client:
        client.headers.update(login("admin"))
        yield client


@pytest.mark.slow
def test_requests_that_write_at_the_same_time_do_not_stop_the_server(client: TestClient) -> None:
    """Without the plugin's middleware, some of these stand still until SQLite's time-out, and fail then."""

    def write(number: int) -> tuple[int, float]:
        answer = client.post("/api/v2/variables", json={"key": f"one-writer-{number}", "value": "1"})
        return answer.status_code, answer.elapsed.total_seconds()

    with ThreadPoolExecutor(8) as threads:
        codes, seconds = zip(*threads.map(write, range(40)), strict=True)

    assert set(codes) == {201}
    assert max(seconds) < 5, "SQLite's time-out in the tests' Airflow"


class Peers:
    """An app whose requests tell how many of them were there at a time."""

    def __init__(self) -> None:
        self.now = self.most = 0

    async def __call__(self, *_: object) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.01)
        self.now -= 1


async def no_body() -> Any:
    return {"type": "http.request", "body": b""}


async def nothing(*_: object) -> Any:
    raise AssertionError


def most_at_a_time(method: str, path: str = "/api/v2/variables", root_path: str = "") -> int:
    peers = Peers()

    async def ask() -> None:
        app: ASGIApp = WriteSerializingMiddleware(peers)
        scope = {"type": "http", "method": method, "path": path, "root_path": root_path, "headers": []}
        await asyncio.gather(*(app(scope, no_body, nothing) for _ in range(4)))

    asyncio.run(ask())
    return peers.most


@pytest.mark.parametrize(("method", "most"), [("GET", 4), ("HEAD", 4), ("POST", 1), ("PATCH", 1), ("DELETE", 1)])
def test_only_requests_that_may_write_wait(method: str, most: int) -> None:
    assert most_at_a_time(method) == most


@pytest.mark.parametrize(
    ("path", "root_path", "most"),
    [
        ("/bert_service/models/roll-back", "", 4),
        ("/airflow/bert_service/models/roll-back", "/airflow", 4),
        ("/bert_service/models/roll-back", "/airflow", 4),  # where a proxy has cut the base path off
        ("/api/v2/bert_service/", "", 1),
        ("/bert_services", "", 1),
    ],
)
def test_the_plugins_own_pages_do_not_wait_since_a_rollback_takes_long(path: str, root_path: str, most: int) -> None:
    assert most_at_a_time("POST", path, root_path) == most


def test_with_another_database_none_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql+psycopg2://anna@localhost/airflow")

    assert most_at_a_time("POST") == 4


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("write_lock_timeout", "0", r"above 0 and up to 3600"),
        ("write_body_timeout", "soon", r"a number like 0\.05"),
        ("write_body_bytes", "10", r"1024 or more"),
    ],
)
def test_bounds_that_are_not_allowed_are_told(
    monkeypatch: pytest.MonkeyPatch, key: str, value: str, allowed: str
) -> None:
    monkeypatch.setenv(f"AIRFLOW__BERT_SERVICE__{key.upper()}", value)

    with pytest.raises(SettingsError, match=rf"\[bert_service\] {key} is .*{value}.*; allowed: {allowed}"):
        WriteSerializingMiddleware(Peers())


def test_a_mistake_in_another_setting_does_not_stop_the_api_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__WINDOW_DAYS", "many")

    assert most_at_a_time("POST") == 1


def test_none_waits_where_the_setting_switches_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__SERIALIZE_WRITES", "false")

    assert most_at_a_time("POST") == 4
