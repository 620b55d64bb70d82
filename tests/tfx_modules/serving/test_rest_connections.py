"""REST connections of clients that are slow, silent or many, under small limits."""

import contextlib
import http.client
import re
import resource
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.tfx_modules.serving.exported_models import MODEL, Publish
from tests.tfx_modules.serving.guarded import guarded_server
from tests.tfx_modules.serving.load import until
from tfx_modules.serving.process import ModelServerProcess

KEY = "0123456789abcdef-a-key"
MOST = 8
FLAGS = [
    "--rest_head_timeout_seconds=1",
    "--rest_body_timeout_seconds=1.5",
    "--rest_keep_alive_seconds=2",
    f"--rest_max_connections={MOST}",
    "--status_without_api_key",
]
PATH = f"/v1/models/{MODEL}"
HEAD = f"POST {PATH}:predict HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {KEY}\r\nContent-Length: 1000\r\n\r\n".encode()

Start = Callable[..., "contextlib.AbstractContextManager[ModelServerProcess]"]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, publish: Publish) -> Iterator[ModelServerProcess]:
    with guarded_server(tmp_path_factory.mktemp("connections"), publish, KEY, FLAGS) as process:
        yield process


def connect(server: ModelServerProcess) -> socket.socket:
    host, _, port = server.rest_url.rpartition("/")[2].rpartition(":")
    client = socket.create_connection((host, int(port)))
    client.settimeout(10)
    return client


def steady(server: ModelServerProcess) -> http.client.HTTPConnection:
    """Connect once; a request after the connection was closed is an error."""
    client = http.client.HTTPConnection(server.rest_url.removeprefix("http://"), timeout=10)
    client.connect()
    client.auto_open = 0
    return client


def get(
    client: http.client.HTTPConnection, path: str, headers: dict[str, str] | None = None
) -> http.client.HTTPResponse:
    client.request("GET", path, headers=headers or {})
    response = client.getresponse()
    response.read()
    return response


def until_closed(client: socket.socket, trickle: bytes = b"") -> tuple[bytes, float]:
    """Return what the server sends until it closes, and how long that takes; send some bytes meanwhile."""
    began = time.monotonic()
    received = b""
    client.settimeout(0.1)
    while time.monotonic() - began < 10:
        with contextlib.suppress(TimeoutError, socket.timeout):
            try:
                part = client.recv(65536)
            except ConnectionResetError:
                part = b""
            if not part:
                return received, time.monotonic() - began
            received += part
        with contextlib.suppress(OSError):
            client.send(trickle)
    pytest.fail("the connection was not closed in 10 s")


def count(server: ModelServerProcess, reason: str) -> int:
    page = httpx.get(f"{server.rest_url}/monitoring/prometheus/metrics", trust_env=False).text
    name = re.escape(f':bert_service:serving:closed_connection_count{{entrypoint="rest",reason="{reason}"}}')
    found = re.search(rf"^{name} (\d+)$", page, re.MULTILINE)
    return int(found[1]) if found else 0


def answers(server: ModelServerProcess) -> bool:
    return httpx.get(f"{server.rest_url}{PATH}", trust_env=False, timeout=5).status_code == 200


def test_a_connection_without_a_request_is_closed(small: ModelServerProcess) -> None:
    before = count(small, "head_timeout")
    with connect(small) as client:
        received, seconds = until_closed(client)
    assert received == b""
    assert 0.8 < seconds < 3
    assert count(small, "head_timeout") == before + 1


@pytest.mark.parametrize("trickle", [b"", b"x"], ids=["half of it", "byte by byte"])
def test_a_head_that_does_not_end_is_answered_with_408(small: ModelServerProcess, trickle: bytes) -> None:
    with connect(small) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        received, seconds = until_closed(client, trickle)
    assert received.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b'{"error": "the request was not complete after 1 s' in received
    assert 0.8 < seconds < 3


@pytest.mark.parametrize("trickle", [b"", b"x"], ids=["half of it", "byte by byte"])
def test_a_body_that_does_not_end_is_answered_with_408(small: ModelServerProcess, trickle: bytes) -> None:
    with connect(small) as client:
        client.send(HEAD + b'{"instances": [')
        received, seconds = until_closed(client, trickle)
    assert received.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert 1.2 < seconds < 4


def test_a_body_that_nobody_wants_has_the_same_time(small: ModelServerProcess) -> None:
    with connect(small) as client:
        client.send(HEAD.replace(KEY.encode(), b"an-unknown-key-of-any-length"))
        received, seconds = until_closed(client, b"x")
    assert received.startswith(b"HTTP/1.1 401 ")
    assert seconds < 4


def test_the_next_head_has_its_time_too(small: ModelServerProcess) -> None:
    request = f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    with connect(small) as client:
        client.send(request + request[:-10])
        received, seconds = until_closed(client)
    assert re.findall(rb"HTTP/1.1 (\d+)", received) == [b"200", b"408"]
    assert seconds < 3


def test_a_client_that_does_not_read_its_answers_is_dropped(small: ModelServerProcess) -> None:
    request = f"GET {PATH}/metadata HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {KEY}\r\n\r\n".encode()
    before = count(small, "answer_timeout")
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        host, _, port = small.rest_url.rpartition("/")[2].rpartition(":")
        client.connect((host, int(port)))
        client.settimeout(0.5)
        with contextlib.suppress(OSError):
            for _ in range(3000):
                client.sendall(request)
        until(lambda: count(small, "answer_timeout") > before, 15)


def test_a_connection_stays_open_between_requests_and_says_for_how_long(small: ModelServerProcess) -> None:
    with httpx.Client(trust_env=False, base_url=small.rest_url) as client:
        streams = set()
        for _ in range(3):
            response = client.get(PATH)
            assert response.headers["keep-alive"] == "timeout=2"
            streams.add(response.extensions["network_stream"].get_extra_info("client_addr"))
            time.sleep(2.2)  # longer than clients are told by a little: who closes in time is never reset
        assert len(streams) == 1
    with connect(small) as quiet:
        quiet.send(f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        received, seconds = until_closed(quiet)
    assert received.count(b"HTTP/1.1 200") == 1
    assert 2.5 < seconds < 6


def test_by_default_a_client_that_asks_every_few_seconds_keeps_its_connection(server: ModelServerProcess) -> None:
    with contextlib.closing(steady(server)) as client:
        for pause in (6.0, 0.0):
            response = get(client, PATH)
            assert response.status == 200
            assert response.headers["keep-alive"] == "timeout=75"
            time.sleep(pause)


def test_idle_connections_make_room_for_new_ones(small: ModelServerProcess) -> None:
    before = count(small, "crowded")
    with contextlib.ExitStack() as stack:
        for _ in range(3 * MOST):
            stack.enter_context(connect(small))
            assert answers(small)
        assert count(small, "crowded") >= before + MOST


def test_a_flood_without_a_key_takes_no_connection_from_who_has_one(small: ModelServerProcess) -> None:
    with contextlib.ExitStack() as stack:
        keyed = stack.enter_context(contextlib.closing(steady(small)))
        for _ in range(4):
            assert get(keyed, f"{PATH}/metadata", {"X-API-Key": KEY}).status == 200
            for sent in (b"", b"GET / HTTP/1.1\r\n", HEAD.replace(KEY.encode(), b"another-key-of-any-length")) * MOST:
                stack.enter_context(connect(small)).send(sent)
        assert get(keyed, f"{PATH}/metadata", {"X-API-Key": KEY}).status == 200


def test_a_server_without_descriptors_goes_on_and_says_so_once(tmp_path: Path, publish: Publish) -> None:
    publish(tmp_path, 1)
    flags = ["--rest_head_timeout_seconds=3"]
    with ModelServerProcess(model_base_path=tmp_path, model_name=MODEL, flags=flags) as process:
        assert answers(process)
        open_now = len(list(Path(f"/proc/{process.pid}/fd").iterdir()))
        log_before = len(process.logs())
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (open_now + 8, open_now + 8))
        with contextlib.ExitStack() as stack:
            for _ in range(60):
                stack.enter_context(connect(process))
            time.sleep(4)
            assert answers(process)
            assert len(process.logs()) - log_before < 20_000
            assert process.logs().count("cannot accept a REST connection") == 1
        until(lambda: answers(process), 10)
