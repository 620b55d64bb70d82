"""A server that takes on two requests of at most 4,096 bytes, and lets one wait, refuses what is more."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import httpx
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from tests.tfx_modules.serving.exported_models import MODEL, Publish
from tests.tfx_modules.serving.load import until
from tfx_modules.serving.process import ModelServerProcess

FLAGS = [
    "--max_request_bytes=4096",
    "--max_concurrent_requests=2",
    "--max_queued_requests=1",
]
PLACES = (":bert_service:serving:requests_running", ":bert_service:serving:requests_waiting")

Ask = Callable[[int], str]  # how many rounds -> the code of the answer


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory, publish: Publish) -> Iterator[ModelServerProcess]:
    base_path = tmp_path_factory.mktemp("limited")
    publish(base_path, 1)
    monitoring = base_path / "monitoring.config"
    monitoring.write_text("prometheus_config { enable: true }")
    flags = [*FLAGS, f"--monitoring_config_file={monitoring}"]
    with ModelServerProcess(model_base_path=base_path, model_name=MODEL, flags=flags) as process:
        yield process


@pytest.fixture(scope="module")
def long(limited: ModelServerProcess) -> int:
    """How many rounds of the signature "slow" take some four seconds: longer than it takes to send a few requests.

    A machine that is busy with other work may be twice as fast a moment later.
    """
    trial = 300
    for _ in range(2):  # the first one also makes the graph
        began = time.monotonic()
        httpx.post(url(limited), json=slow(trial), timeout=60, trust_env=False).raise_for_status()
    return round(4 * trial / (time.monotonic() - began))


def url(server: ModelServerProcess) -> str:
    return f"{server.rest_url}/v1/models/{MODEL}:predict"


def slow(rounds: int) -> dict[str, Any]:
    return {"signature_name": "slow", "instances": [rounds]}


@pytest.fixture
def rest(limited: ModelServerProcess) -> Ask:
    names = {200: "OK", 429: "RESOURCE_EXHAUSTED", 504: "DEADLINE_EXCEEDED"}
    return lambda rounds: names[httpx.post(url(limited), json=slow(rounds), timeout=60, trust_env=False).status_code]


def grpc_request(rounds: int) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest(inputs={"rounds": tf.make_tensor_proto([rounds], dtype=tf.int32)})
    request.model_spec.name, request.model_spec.signature_name = MODEL, "slow"
    return request


@pytest.fixture(scope="module")
def stub(limited: ModelServerProcess) -> Iterator[prediction_service_pb2_grpc.PredictionServiceStub]:
    with grpc.insecure_channel(limited.grpc_address) as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture
def rpc(stub: prediction_service_pb2_grpc.PredictionServiceStub) -> Ask:
    def ask(rounds: int) -> str:
        try:
            stub.Predict(grpc_request(rounds), timeout=60)
        except grpc.RpcError as error:
            return str(error.code().name)
        return "OK"

    return ask


def taken(server: ModelServerProcess) -> tuple[int, int]:
    """How many requests the server is answering now, and how many wait."""
    page = httpx.get(f"{server.rest_url}/monitoring/prometheus/metrics", trust_env=False).text
    samples = dict(line.split(" ") for line in page.splitlines() if line.startswith(PLACES))
    return int(samples[PLACES[0]]), int(samples[PLACES[1]])


@contextmanager
def under_way(server: ModelServerProcess, rounds: int, *asks: Ask) -> Iterator[list["Future[str]"]]:
    """Requests that are being answered, or wait, in this order."""
    until(lambda: taken(server) == (0, 0))
    with ThreadPoolExecutor(len(asks)) as pool:
        futures: list[Future[str]] = []
        for ask in asks:
            futures.append(pool.submit(ask, rounds))
            until(lambda: sum(taken(server)) == len(futures))
        yield futures


@pytest.mark.parametrize("refused", ["rest", "rpc"])
def test_one_request_may_wait_for_the_two_and_the_next_is_refused(
    refused: str, limited: ModelServerProcess, rest: Ask, rpc: Ask, long: int, request: pytest.FixtureRequest
) -> None:
    ask: Ask = request.getfixturevalue(refused)
    with under_way(limited, long, rest, rpc, rest) as futures:
        assert taken(limited) == (2, 1)
        assert ask(1) == "RESOURCE_EXHAUSTED"
    assert [future.result() for future in futures] == ["OK", "OK", "OK"]
    assert ask(1) == "OK"


def test_the_refusal_says_what_to_do(limited: ModelServerProcess, rest: Ask, rpc: Ask, long: int) -> None:
    with under_way(limited, long, rest, rpc, rest):
        answer = httpx.post(url(limited), json=slow(1), trust_env=False)
        status = httpx.get(f"{limited.rest_url}/v1/models/{MODEL}", trust_env=False)
    assert answer.json()["error"].startswith("the server is answering 2 requests and 1 wait, which is the limit")
    assert status.status_code == 200, "a status takes no place"


def abandon_rest(
    limited: ModelServerProcess, stub: prediction_service_pb2_grpc.PredictionServiceStub, rounds: int
) -> None:
    del stub
    host, port = limited.rest_url.removeprefix("http://").split(":")
    body = json.dumps(slow(rounds)).encode()
    with socket.create_connection((host, int(port))) as client:
        head = f"POST /v1/models/{MODEL}:predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        client.sendall(head.encode() + body)
        until(lambda: taken(limited) == (2, 1))


def abandon_grpc(
    limited: ModelServerProcess, stub: prediction_service_pb2_grpc.PredictionServiceStub, rounds: int
) -> None:
    call = stub.Predict.future(grpc_request(rounds))
    until(lambda: taken(limited) == (2, 1))
    call.cancel()


@pytest.mark.parametrize("abandon", [abandon_rest, abandon_grpc])
def test_the_request_of_a_client_that_has_left_does_not_wait_any_more(
    limited: ModelServerProcess,
    stub: prediction_service_pb2_grpc.PredictionServiceStub,
    rest: Ask,
    rpc: Ask,
    long: int,
    abandon: Callable[[ModelServerProcess, prediction_service_pb2_grpc.PredictionServiceStub, int], None],
) -> None:
    with under_way(limited, long, rest, rpc) as futures:
        abandon(limited, stub, long)
        until(lambda: taken(limited) == (2, 0))
        assert rest(1) == "OK", "its place in the queue is free"
    assert [future.result() for future in futures] == ["OK", "OK"]


@pytest.mark.parametrize("size", [4096, 4097])
def test_a_request_of_more_bytes_is_refused(limited: ModelServerProcess, size: int) -> None:
    body = json.dumps({"instances": ["good"]}).encode().ljust(size)
    answer = httpx.post(url(limited), content=body, trust_env=False)
    if size <= 4096:
        assert answer.json() == {"predictions": [{"label": "positive", "score": 0.9}]}
    else:
        assert answer.status_code == 429
        assert answer.json()["error"].startswith("the request has more than 4096 bytes (--max_request_bytes)")


def test_who_sends_far_too_much_is_told_so(limited: ModelServerProcess) -> None:
    with httpx.Client(trust_env=False) as client:
        assert client.post(url(limited), content=b"x" * 20_000_000).status_code == 429
        assert client.post(url(limited), json={"instances": ["good"]}).status_code == 200


def test_over_grpc_too(stub: prediction_service_pb2_grpc.PredictionServiceStub) -> None:
    request = predict_pb2.PredictRequest(inputs={"text": tf.make_tensor_proto(["x" * 5000])})
    with pytest.raises(grpc.RpcError) as caught:
        stub.Predict(request)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_grpc_request_has_as_much_as_its_client_gives_it(
    stub: prediction_service_pb2_grpc.PredictionServiceStub, rpc: Ask, long: int
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stub.Predict(grpc_request(long), timeout=0.05)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    until(lambda: rpc(1) == "OK")
