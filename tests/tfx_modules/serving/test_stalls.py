"""One request that costs much stalls nobody: not the health, not who asks about one text, and not with a key either."""

import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from tests.tfx_modules.serving.exported_models import MODEL, Publish
from tests.tfx_modules.serving.guarded import guarded_server
from tests.tfx_modules.serving.load import until
from tfx_modules.serving.process import ModelServerProcess

KEY = "a-key-that-is-long-enough"
KEYED = [("x-api-key", KEY)]
MIB = 1024 * 1024
FLAGS = [
    "--rest_api_timeout_in_ms=1000",
    "--max_uncompressed_bytes=12000000",
    "--max_bytes_under_way=20000000",
    "--max_row_bytes=1000",
    "--max_request_rows=50",
    "--max_tasks=5",
]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, publish: Publish) -> Iterator[ModelServerProcess]:
    with guarded_server(
        tmp_path_factory.mktemp("guarded"), publish, KEY, [*FLAGS, "--status_without_api_key"]
    ) as process:
        yield process
        assert "Traceback" not in process.logs()


@pytest.fixture(scope="module")
def channel(guarded: ModelServerProcess) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(guarded.grpc_address) as made:
        yield made


def post(server: ModelServerProcess, verb: str, body: bytes, **headers: str) -> tuple[int, str]:
    url = f"{server.rest_url}/v1/models/{MODEL}:{verb}"
    answer = httpx.post(url, content=body, headers={"x-api-key": KEY, **headers}, timeout=60, trust_env=False)
    return answer.status_code, answer.json().get("error", "")


def refused(call: Callable[..., Any], request: Any, metadata: Any = KEYED) -> tuple[str, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call(request, timeout=60, metadata=metadata)
    return caught.value.code().name, caught.value.details()


def predict(*texts: bytes) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = MODEL
    request.inputs["text"].dtype = 7  # DT_STRING
    request.inputs["text"].tensor_shape.dim.add(size=len(texts))
    request.inputs["text"].string_val.extend(texts)
    return request


class Steady:
    """Asks for the health, and about one text, until the block ends; counts the answers."""

    def __init__(self, server: ModelServerProcess, channel: grpc.Channel) -> None:
        self._check = health_pb2_grpc.HealthStub(channel).Check
        self._url = f"{server.rest_url}/v1/models/{MODEL}:predict"
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._ask_health), threading.Thread(target=self._ask_text)]
        self.health = self.texts = 0

    def __enter__(self) -> "Steady":
        for thread in self._threads:
            thread.start()
        until(lambda: bool(self.health and self.texts))
        self.health = self.texts = 0
        return self

    def __exit__(self, *error: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _ask_health(self) -> None:
        while not self._end.is_set():
            self._check(health_pb2.HealthCheckRequest(), timeout=30)
            self.health += 1

    def _ask_text(self) -> None:
        with httpx.Client(trust_env=False, headers={"x-api-key": KEY}, timeout=30) as client:
            while not self._end.is_set():
                client.post(self._url, json={"instances": ["good"]}).raise_for_status()
                self.texts += 1


def test_a_call_without_a_key_is_refused_before_its_message_has_arrived(channel: grpc.Channel) -> None:
    sent_nothing = threading.Event()

    def message() -> Iterator[bytes]:
        sent_nothing.wait(30)
        yield b""

    call = channel.stream_unary("/tensorflow.serving.PredictionService/Predict")
    with pytest.raises(grpc.RpcError) as caught:
        call(message(), timeout=20)
    sent_nothing.set()
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize(
    ("service", "method"),
    [
        ("grpc.health.v1.Health", "Check"),
        ("tensorflow.serving.ModelService", "GetModelStatus"),
        ("tensorflow.serving.PredictionService", "GetModelMetadata"),
    ],
)
def test_messages_that_only_name_something_are_short(channel: grpc.Channel, service: str, method: str) -> None:
    code, said = refused(channel.unary_unary(f"/{service}/{method}"), b"\x78\x01" * MIB)
    assert code == "INVALID_ARGUMENT"
    assert "may have 65536" in said


def test_so_is_the_message_of_a_health_watch(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        next(channel.unary_stream("/grpc.health.v1.Health/Watch")(b"\x78\x01" * MIB, timeout=30))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def nested(content: bytes, *numbers: int) -> bytes:
    """Content as a field of a field ..., the innermost number first."""
    for number in numbers:
        size, digits = len(content), b""
        while size >= 0x80:
            digits += bytes([size & 0x7F | 0x80])
            size >>= 7
        content = bytes([number << 3 | 2]) + digits + bytes([size]) + content
    return content


COSTLY: dict[str, tuple[str, bytes]] = {
    "empty examples": ("Classify", nested(b"\x0a\x00" * 2 * MIB, 1, 2)),
    "empty inputs": ("Predict", b"\x12\x00" * 2 * MIB),
    "unknown fields": ("Predict", b"\x78\x01" * 2 * MIB),
}


@pytest.mark.parametrize("name", COSTLY)
def test_a_message_of_a_million_parts_is_refused_while_others_are_answered(
    guarded: ModelServerProcess, channel: grpc.Channel, name: str
) -> None:
    method, content = COSTLY[name]
    call = channel.unary_unary(f"/tensorflow.serving.PredictionService/{method}")
    with Steady(guarded, channel) as steady:
        code, message = refused(call, content)
        assert code == "INVALID_ARGUMENT"
        assert "more than 262144 strings, messages and fields (--max_request_values)" in message
        assert steady.health
        assert steady.texts


def test_ten_kilobytes_of_gzip_are_refused_while_others_are_answered(
    guarded: ModelServerProcess, channel: grpc.Channel
) -> None:
    body = gzip.compress(b'{"instances": [' + b"[]," * 3_300_000 + b"[]]}")
    assert len(body) < 15_000
    with Steady(guarded, channel) as steady:
        status, said = post(guarded, "predict", body, **{"content-encoding": "gzip"})
        assert status == 400
        assert "more than 262144 values, keys and lists (--max_request_values)" in said
        assert steady.health
        assert steady.texts


def test_a_body_may_not_become_larger_than_the_flag_says(guarded: ModelServerProcess) -> None:
    status, said = post(guarded, "predict", gzip.compress(b" " * 12_000_001), **{"content-encoding": "gzip"})
    assert (status, said.partition(";")[0]) == (400, "the body is more than 12000000 bytes when uncompressed")


def test_thousands_of_tasks_are_refused_at_once(channel: grpc.Channel) -> None:
    request = inference_pb2.MultiInferenceRequest()
    for number in range(15_000):
        task = request.tasks.add(method_name="tensorflow/serving/classify")
        task.model_spec.name, task.model_spec.signature_name = MODEL, f"signature{number}"
    code, said = refused(prediction_service_pb2_grpc.PredictionServiceStub(channel).MultiInference, request)
    assert (code, said) == (
        "INVALID_ARGUMENT",
        "the request has 15000 tasks; at most 5 are taken (--max_tasks): send fewer at a time",
    )


@pytest.mark.parametrize(
    ("texts", "said"),
    [([b"x"] * 51, "has 51 rows; at most 50 are taken"), ([b"x" * 1001], "has 1001 bytes; at most 1000 are taken")],
)
def test_rows_are_bounded_over_both_protocols(
    guarded: ModelServerProcess, channel: grpc.Channel, texts: list[bytes], said: str
) -> None:
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    code, message = refused(stub.Predict, predict(*texts))
    assert code == "INVALID_ARGUMENT"
    assert said in message
    status, message = post(guarded, "predict", json.dumps({"instances": [text.decode() for text in texts]}).encode())
    assert status == 400
    assert said in message


def test_a_context_is_not_copied_into_thousands_of_examples(guarded: ModelServerProcess) -> None:
    body = {"context": {"text": "x" * 100_000}, "examples": [{}] * 1000, "signature_name": "judge"}
    status, said = post(guarded, "classify", json.dumps(body).encode())
    assert status == 400
    assert "--max_uncompressed_bytes" in said


def test_all_requests_together_have_a_bounded_number_of_bytes(
    guarded: ModelServerProcess, channel: grpc.Channel
) -> None:
    status, said = post(guarded, "predict", b" " * 20_000_001)
    assert status == 429
    assert "20000000 may be under way (--max_bytes_under_way); ask again in a moment" in said
    call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
    code, said = refused(call, nested(b"x" * 20_000_000, 3))
    assert code == "RESOURCE_EXHAUSTED"
    until(lambda: post(guarded, "predict", b'{"instances": ["good"]}')[0] == 200)


def test_after_a_504_the_computation_ends(guarded: ModelServerProcess) -> None:
    body = json.dumps({"signature_name": "slow", "instances": [10**9]}).encode()
    assert [post(guarded, "predict", body)[0] for _ in range(2)] == [504, 504]
    cpu = _cpu_seconds(guarded)
    time.sleep(1)
    assert _cpu_seconds(guarded) - cpu < 0.5, "something is still being computed"


def test_long_computations_do_not_hold_up_a_short_one(guarded: ModelServerProcess, channel: grpc.Channel) -> None:
    body = json.dumps({"signature_name": "slow", "instances": [10**9]}).encode()
    with Steady(guarded, channel) as steady:
        long = [threading.Thread(target=post, args=(guarded, "predict", body)) for _ in range(3)]
        for thread in long:
            thread.start()
        before = steady.texts
        until(lambda: steady.texts > before + 3)
        for thread in long:
            thread.join()


def _cpu_seconds(server: ModelServerProcess) -> float:
    fields = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def test_refused_calls_are_counted(guarded: ModelServerProcess, channel: grpc.Channel) -> None:
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    assert refused(stub.Predict, predict(b"good"), None)[0] == "UNAUTHENTICATED"
    page = httpx.get(f"{guarded.rest_url}/monitoring/prometheus/metrics", trust_env=False).text
    assert ':tensorflow:serving:request_count{model_name="",status="UNAUTHENTICATED"}' in page
    assert ":bert_service:serving:bytes_under_way 0" in page


def test_questions_about_models_are_still_answered(channel: grpc.Channel) -> None:
    status = get_model_status_pb2.GetModelStatusRequest()
    status.model_spec.name = MODEL
    metadata = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    metadata.model_spec.name = MODEL
    assert model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(status).model_version_status[0].version == 1
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    assert stub.GetModelMetadata(metadata, metadata=KEYED).metadata["signature_def"].value
    assert stub.Predict(predict(b"good"), metadata=KEYED).outputs["score"].float_val
