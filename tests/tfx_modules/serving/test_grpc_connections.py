"""gRPC connections of clients that are silent, many, or call without a message, under small limits."""

import contextlib
import socket
import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from tensorflow_serving.apis import get_model_status_pb2, model_service_pb2_grpc, predict_pb2

from tests.tfx_modules.serving.exported_models import MODEL, Publish
from tests.tfx_modules.serving.guarded import guarded_server
from tfx_modules.serving.flags.connection_flags import ConnectionFlags
from tfx_modules.serving.grpc.server import connection_options
from tfx_modules.serving.process import ModelServerProcess

KEY = "0123456789abcdef-a-key"
MOST = 8
FLAGS = [
    f"--grpc_max_connections={MOST}",
    "--grpc_handshake_timeout_seconds=1",
    "--grpc_message_timeout_seconds=1",
    "--grpc_max_connection_idle_seconds=2",
    "--grpc_min_ping_interval_seconds=0.2",
]
PREDICT = "/tensorflow.serving.PredictionService/Predict"
HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"  # HTTP/2's preface, and empty SETTINGS
PINGS = (
    ("grpc.keepalive_time_ms", 400),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, publish: Publish) -> Iterator[ModelServerProcess]:
    with guarded_server(tmp_path_factory.mktemp("connections"), publish, KEY, FLAGS) as process:
        yield process


def connect(server: ModelServerProcess) -> socket.socket:
    host, _, port = server.grpc_address.rpartition(":")
    client = socket.create_connection((host, int(port)))
    client.settimeout(10)
    return client


def seconds_until_closed(client: socket.socket) -> float:
    began = time.monotonic()
    with contextlib.suppress(ConnectionResetError):
        while client.recv(65536):
            pass
    return time.monotonic() - began


def ask(channel: grpc.Channel, seconds: float = 5) -> None:
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = MODEL
    stub = model_service_pb2_grpc.ModelServiceStub(channel)
    stub.GetModelStatus(request, timeout=seconds, metadata=[("x-api-key", KEY)], wait_for_ready=True)


@pytest.mark.parametrize(("sent", "least"), [(b"", 0.8), (HELLO[:20], 0.8), (HELLO, 1.5)])
def test_a_connection_without_calls_is_closed(small: ModelServerProcess, sent: bytes, least: float) -> None:
    with connect(small) as client:
        client.send(sent)
        assert least < seconds_until_closed(client) < 6


def test_a_call_without_a_message_is_ended(small: ModelServerProcess) -> None:
    with grpc.insecure_channel(small.grpc_address) as channel:
        call = channel.stream_unary(PREDICT, predict_pb2.PredictRequest.SerializeToString)

        def nothing() -> Iterator[Any]:
            time.sleep(4)
            yield from ()

        began = time.monotonic()
        with pytest.raises(grpc.RpcError) as caught:
            call(nothing(), timeout=10, metadata=[("x-api-key", KEY)])
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert "the message was not complete after 1 s (--grpc_message_timeout_seconds)" in caught.value.details()
        assert time.monotonic() - began < 3
        with pytest.raises(grpc.RpcError) as caught:
            call(iter(()), timeout=10, metadata=[("x-api-key", KEY)])
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "Traceback" not in small.logs()


def test_a_client_that_pings_within_the_limit_stays(server: ModelServerProcess, small: ModelServerProcess) -> None:
    del server
    states: list[grpc.ChannelConnectivity] = []
    with grpc.insecure_channel(small.grpc_address, options=PINGS) as channel:
        ask(channel)
        channel.subscribe(states.append)
        for _ in range(6):
            time.sleep(1)
            ask(channel)
        assert set(states) <= {grpc.ChannelConnectivity.READY}


def test_by_default_pings_every_ten_seconds_are_allowed_also_without_calls() -> None:
    options = dict(connection_options(ConnectionFlags()))
    assert options["grpc.http2.min_ping_interval_without_data_ms"] <= 5_000
    assert options["grpc.keepalive_permit_without_calls"] == 1


def test_a_flood_without_a_key_does_not_keep_others_out_and_takes_no_connection(small: ModelServerProcess) -> None:
    states: list[grpc.ChannelConnectivity] = []
    with contextlib.ExitStack() as stack:
        for _ in range(2 * MOST):
            stack.enter_context(connect(small)).sendall(HELLO)
        channel = stack.enter_context(grpc.insecure_channel(small.grpc_address))
        began = time.monotonic()
        ask(channel, 10)
        assert time.monotonic() - began < 5
        channel.subscribe(states.append)
        for _ in range(6):
            for _ in range(2 * MOST):
                with contextlib.suppress(OSError):
                    stack.enter_context(connect(small)).sendall(HELLO)
            time.sleep(0.7)
            ask(channel)
        assert set(states) <= {grpc.ChannelConnectivity.READY}
    assert "Traceback" not in small.logs()
