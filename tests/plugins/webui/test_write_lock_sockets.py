"""Clients that stall, dribble, send too much or do not read, over real sockets: none of them holds the others up."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from typing import Any

import pytest
import uvicorn
from airflow.api_fastapi.app import create_app
from airflow_bert_service.webui.write_lock import MOST_BUFFERED, WriteSerializingMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.plugins.api_server import login
from tests.plugins.gate_run import migrate

HOST = "127.0.0.1"
SOON = 2.0
"""Seconds within which a request is answered that nobody holds up."""
HEAD = "POST /work HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture(autouse=True)
def bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in {"WRITE_BODY_TIMEOUT": "1.5", "WRITE_LOCK_TIMEOUT": "1", "WRITE_BODY_BYTES": "65536"}.items():
        monkeypatch.setenv(f"AIRFLOW__BERT_SERVICE__{key}", value)


@contextmanager
def served(app: Any) -> Iterator[int]:
    """Serve an app as Airflow does; yield the port."""
    with socket.create_server((HOST, 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            port: int = listening.getsockname()[1]
            while not server.started:
                time.sleep(0.01)
            yield port
        finally:
            server.should_exit = True
            thread.join()


class Working:
    """An app that answers with the length of the body, and at some paths otherwise."""

    def __init__(self) -> None:
        self.at_work = self.most_at_work = 0
        self.go_on = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        try:
            await self._answer(scope["path"], await read(receive), send)
        finally:
            self.at_work -= 1

    async def _answer(self, path: str, body: bytes, send: Send) -> None:
        if path == "/held":
            await asyncio.get_running_loop().run_in_executor(None, self.go_on.wait, 20)
        size = {"/large": MOST_BUFFERED // 2, "/larger": MOST_BUFFERED * 3}.get(path, 0)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b" " * size + str(len(body)).encode()})
        if path == "/commits":  # as FastAPI's dependencies do, when the answer was sent
            await asyncio.sleep(0.05)
        if path == "/fails":
            raise ValueError("after the answer")


async def read(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


@pytest.fixture
def working() -> Working:
    return Working()


@pytest.fixture
def port(working: Working) -> Iterator[int]:
    app: ASGIApp = WriteSerializingMiddleware(working)
    with served(app) as port:
        yield port


def ask(port: int, path: str = "/work", body: bytes = b"{}", timeout: float = 10) -> tuple[int, bytes, float]:
    """Send a POST; return status, body and seconds."""
    started = time.monotonic()
    connection = HTTPConnection(HOST, port, timeout=timeout)
    try:
        connection.request("POST", path, body)
        answer = connection.getresponse()
        return answer.status, answer.read(), time.monotonic() - started
    finally:
        connection.close()


def begin(port: int, text: str, buffer: int = 0) -> socket.socket:
    """Send the beginning of a request, and leave it at that."""
    client = socket.socket()
    if buffer:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    client.settimeout(10)
    client.connect((HOST, port))
    client.sendall(text.encode())
    return client


def read_all(client: socket.socket) -> str:
    """Return all that the server sends until it closes the connection."""
    parts = []
    while part := client.recv(1 << 16):
        parts.append(part)
    return b"".join(parts).decode()


@pytest.mark.parametrize(
    "head", ["Content-Length: 100\r\n\r\n", 'Content-Length: 100\r\n\r\n{"a', "Transfer-Encoding: chunked\r\n\r\n"]
)
def test_clients_that_send_no_body_hold_nobody_up_and_are_sent_away(port: int, head: str) -> None:
    with ExitStack() as stack:
        stalled = [stack.enter_context(begin(port, HEAD + head)) for _ in range(20)]
        time.sleep(0.2)

        status, _, seconds = ask(port)

        assert (status, seconds < SOON) == (200, True)
        for client in stalled:
            answer = read_all(client)
            assert answer.startswith("HTTP/1.1 408 ")
            assert "The request's body did not come within 1.5 s. Send it faster, or raise [bert_service]" in answer


def test_a_client_that_dribbles_is_sent_away_as_well(port: int) -> None:
    with begin(port, f"{HEAD}Content-Length: 100\r\n\r\n") as client:
        started = time.monotonic()
        client.settimeout(0.2)
        while True:
            client.sendall(b" ")
            try:
                answer = client.recv(1000)
                break
            except TimeoutError:
                assert ask(port)[0] == 200
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() - started < 4


def test_a_client_that_closes_its_connection_early_leaves_nothing(port: int, working: Working) -> None:
    begin(port, f"{HEAD}Content-Length: 100\r\n\r\n").close()

    assert ask(port)[0] == 200
    assert working.most_at_work == 1


@pytest.mark.parametrize(
    "rest", ["Content-Length: 65537\r\n\r\n", f"Transfer-Encoding: chunked\r\n\r\n10001\r\n{' ' * 65537}\r\n"]
)
def test_a_body_that_is_too_large_is_refused_before_all_of_it_is_read(port: int, working: Working, rest: str) -> None:
    with begin(port, HEAD + rest) as client:
        answer = read_all(client)

    assert answer.startswith("HTTP/1.1 413 ")
    assert "allowed: 65536. Send less, or raise [bert_service] write_body_bytes" in answer
    assert working.most_at_work == 0


def test_bodies_come_whole_up_to_the_limit(port: int) -> None:
    assert ask(port, body=b"x" * 65536)[:2] == (200, b"65536")
    assert ask(port, body=b"")[:2] == (200, b"0")


def test_large_bodies_that_never_end_do_not_keep_small_ones_out(port: int) -> None:
    with ExitStack() as stack:
        large = f"{HEAD}Content-Length: 65536\r\n\r\n{' ' * 65535}"
        clients = [stack.enter_context(begin(port, large)) for _ in range(12)]
        time.sleep(0.3)

        assert [ask(port)[:2] for _ in range(3)] == [(200, b"2")] * 3
        answers = [read_all(client) for client in clients]

    refused = [answer for answer in answers if answer.startswith("HTTP/1.1 503 ")]
    assert len(refused) == 4
    assert "\r\nretry-after: 5\r\n" in refused[0]
    assert "Other requests' bodies fill the memory that is for them. Send it again." in refused[0]


@pytest.mark.parametrize("path", ["/large", "/larger"])
def test_a_client_that_does_not_read_its_answer_holds_nobody_up(port: int, path: str) -> None:
    with begin(port, f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", buffer=4096) as client:
        time.sleep(0.3)

        status, _, seconds = ask(port)

        assert (status, seconds < SOON) == (200, True)
        assert client.recv(15) == b"HTTP/1.1 200 OK"


def test_who_waits_too_long_for_others_is_told_to_come_again(port: int, working: Working) -> None:
    holder = threading.Thread(target=ask, args=(port, "/held"))
    holder.start()
    while not working.at_work:
        time.sleep(0.01)
    connection = HTTPConnection(HOST, port, timeout=10)
    connection.request("POST", "/work", b"{}")
    answer = connection.getresponse()
    try:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        assert json.load(answer)["detail"] == (
            "Other requests that write took longer than 1 s; this one was not carried out. Send it again. Where it "
            "happens often, use PostgreSQL for Airflow's database."
        )
    finally:
        connection.close()
        working.go_on.set()
        holder.join()
    assert working.most_at_work == 1
    assert ask(port)[0] == 200


def test_a_turn_lasts_until_the_commit_behind_the_answer(port: int, working: Working) -> None:
    threads = [threading.Thread(target=ask, args=(port, "/commits")) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert working.most_at_work == 1


def test_an_app_that_fails_behind_its_answer_has_answered_and_holds_nobody_up(port: int) -> None:
    assert [ask(port, "/fails")[:2] for _ in range(2)] == [(200, b"2")] * 2


@pytest.mark.slow
def test_airflow_goes_on_writing_while_clients_without_a_login_send_no_body() -> None:
    migrate()
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "s" * 64)
        port = stack.enter_context(served(create_app(apps="core")))
        head = "POST /api/v2/variables HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n"
        stalled = [stack.enter_context(begin(port, head)) for _ in range(20)]
        connection = HTTPConnection(HOST, port, timeout=10)
        started = time.monotonic()
        headers = {**login("admin"), "Content-Type": "application/json"}
        connection.request("POST", "/api/v2/variables", json.dumps({"key": "stalled", "value": "1"}), headers)
        answer = connection.getresponse()

        assert (answer.status, time.monotonic() - started < SOON) == (201, True)
        connection.close()
        assert all(read_all(client).startswith("HTTP/1.1 408 ") for client in stalled)
