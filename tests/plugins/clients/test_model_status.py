"""Model servers are asked what they serve, and those that do not say it hold nobody up."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler

import pytest
from airflow_bert_service.clients.model_status import ServerStatus, ask_servers

from tests.support.loopback import HOST, serving

STATES = {
    "model_version_status": [
        {"version": "9", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}},
        {"version": "11", "state": "LOADING"},
        {"version": "10", "state": "AVAILABLE"},
    ]
}


class Server(BaseHTTPRequestHandler):
    """A model server that answers by path."""

    def do_GET(self) -> None:
        bodies = {
            "/v1/models/bert": json.dumps(STATES).encode(),
            "/garbage": b"<p>",
            "/deep": b"[" * 1_000_000,
            "/infinite": b'{"model_version_status": [{"version": Infinity, "state": "AVAILABLE"}]}',
            "/large": b" " * (5 << 20),
        }
        body = bodies.get(self.path)
        self.send_response(200 if body else 500 if self.path == "/broken" else 404)
        self.end_headers()
        with suppress(ConnectionError):  # it reads a megabyte and no more
            self.wfile.write(body or b"{}")


def test_a_server_says_its_versions_and_the_largest_available_one_is_served() -> None:
    with serving(Server) as port:
        (status,) = ask_servers([f"http://{HOST}:{port}/v1/models/bert"])
    assert status.states == ((11, "LOADING"), (10, "AVAILABLE"), (9, "AVAILABLE"))
    assert (status.served, status.problem) == (10, "")


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/v1/models/other", "it has no version of the model"),
        ("/broken", "HTTP status 500"),
        ("/garbage", "the answer is not the state of a model"),
        ("/deep", "the answer is not the state of a model"),
        ("/infinite", "the answer is not the state of a model"),
        ("/large", "the answer is not the state of a model"),
    ],
)
def test_an_answer_of_another_kind_is_a_problem(path: str, problem: str) -> None:
    with serving(Server) as port:
        (status,) = ask_servers([f"http://{HOST}:{port}{path}"])
    assert (status.problem, status.served) == (problem, None)


def test_servers_that_do_not_answer_are_waited_for_together_and_not_for_long() -> None:
    with socket.create_server((HOST, 0)) as silent, serving(Server) as port:
        hanging = f"http://{HOST}:{silent.getsockname()[1]}/v1/models/bert"
        started = time.monotonic()
        found = ask_servers([hanging, f"http://{HOST}:1/", f"http://{HOST}:{port}/v1/models/bert", hanging], 0.5)
        seconds = time.monotonic() - started
    assert [status.problem for status in found] == [
        "no answer within 0.5 s",
        "no answer (Connection refused)",
        "",
        "no answer within 0.5 s",
    ]
    assert seconds < 0.9


def test_no_server_is_no_question_and_an_address_is_shown_without_its_password() -> None:
    assert ask_servers([]) == ()
    (status,) = ask_servers(["http://bert:secret@127.0.0.1:1/v1/models/bert"])
    assert isinstance(status, ServerStatus)
    assert "secret" not in repr(status)


@contextmanager
def sending(first: bytes, then: bytes = b"") -> Iterator[str]:
    """Listen on a port; send what is given to whoever connects, and go on with a byte each tenth of a second."""
    with socket.create_server((HOST, 0)) as listening:

        def send() -> None:
            connection, _ = listening.accept()
            with connection, suppress(OSError):
                connection.sendall(first)
                while then:
                    connection.sendall(then)
                    time.sleep(0.1)

        thread = threading.Thread(target=send)
        thread.start()
        yield f"http://{HOST}:{listening.getsockname()[1]}/v1/models/bert"
        thread.join(5)
        assert not thread.is_alive(), "the connection is still open"


@pytest.mark.parametrize("first", [b"", b"HTTP/1.0 200 OK\r\n\r\n"], ids=["before the head", "in the body"])
def test_a_server_that_sends_a_byte_now_and_then_keeps_no_thread(first: bytes) -> None:
    before = threading.active_count()
    with sending(first, b" ") as slow:
        (status,) = ask_servers([slow], 0.5)
    assert status.problem == "no answer within 0.5 s"
    ends = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < ends:
        time.sleep(0.01)
    assert threading.active_count() <= before


def test_a_port_for_grpc_is_a_problem_of_that_server_alone() -> None:
    with sending(b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\r\n") as grpc, serving(Server) as port:
        found = ask_servers([grpc, f"http://{HOST}:{port}/v1/models/bert"])
    assert found[0].problem.startswith("it does not answer in HTTP")
    assert found[1].served == 10
