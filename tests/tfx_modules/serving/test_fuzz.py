"""Whatever a client sends, the server answers it as the client's mistake, lives on, and takes no more memory.

``FUZZ_EXAMPLES=10000`` sends that many of each kind; without it a number that takes seconds.
"""

import gzip
import http.client
import json
import os
import re
import socket
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import grpc
import pytest
from google.protobuf.message import DecodeError, Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    predict_pb2,
    regression_pb2,
)

from tests.tfx_modules.serving.conformance import protos
from tests.tfx_modules.serving.conformance.model import CLASSIFY, NAME, REGRESS, TYPES, export
from tfx_modules.serving.process import ModelServerProcess

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "400"))
GROWTH_MIB = 100  # of the resident memory, after the first requests of each kind

# The server is shared on purpose: what one request does to the next is what is looked for.
fuzz = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)

SIGNATURES = [
    *(f"same_{name}" for name in TYPES),
    *("", "serving_default", "total", "several", "image", "classify_labels", "classify_without_outputs"),
    *("regress_x_to_y", "regress_flat", "regress_size", "regress_without_outputs", "other", "__saved_model_init_op"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServerProcess]:
    base_path = tmp_path_factory.mktemp("fuzzed")
    export(base_path)
    with ModelServerProcess(model_base_path=base_path, model_name=NAME) as process:
        yield process
        assert process.exit_code is None
        assert "Traceback" not in process.logs()


@pytest.fixture(scope="module")
def connection(server: ModelServerProcess) -> Iterator[http.client.HTTPConnection]:
    made = http.client.HTTPConnection(urlsplit(server.rest_url).netloc, timeout=30)
    yield made
    made.close()


@pytest.fixture(scope="module")
def channel(server: ModelServerProcess) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(server.grpc_address) as made:
        yield made


@pytest.fixture(scope="module", autouse=True)
def bounded_memory(server: ModelServerProcess, connection: http.client.HTTPConnection) -> Iterator[None]:
    for signature_name in SIGNATURES * 20:
        body = {"signature_name": signature_name, "instances": [1]}
        ask(connection, "POST", f"/v1/models/{NAME}:predict", json.dumps(body).encode(), {})
    before = resident_mib(server)
    yield
    assert resident_mib(server) < before + GROWTH_MIB


def resident_mib(server: ModelServerProcess) -> float:
    status = Path(f"/proc/{server.pid}/status").read_text()
    match = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert match is not None
    return int(match[1]) / 1024


def ask(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes, headers: dict[str, str]
) -> tuple[int, bytes]:
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.read()
    except (http.client.HTTPException, OSError):
        connection.close()
        raise


def b64_objects() -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({"b64": st.text("ABCabc019+/-_= \n", max_size=8) | st.text(max_size=4)})


numbers = st.integers() | st.floats() | st.sampled_from([2**24, 2**31, -(2**31) - 1, 2**63, 2**64, 10**400, 0, 1])
leaves = st.none() | st.booleans() | numbers | st.text(max_size=8) | b64_objects()
names = st.sampled_from(["x", "tag", "signal", "image", "count", "inputs", "b64", *TYPES]) | st.text(max_size=4)
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=3))
documents = st.fixed_dictionaries(
    {},
    optional={
        "signature_name": st.sampled_from(SIGNATURES) | leaves,
        "instances": values,
        "inputs": values,
        "examples": st.lists(st.dictionaries(names, values, max_size=3), max_size=3) | values,
        "context": st.dictionaries(names, values, max_size=3) | values,
    },
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    body = draw(documents.map(lambda document: json.dumps(document).encode()) | st.binary(max_size=64))
    if draw(st.booleans()):  # a byte that does not belong there
        at = draw(st.integers(0, len(body)))
        body = body[:at] + draw(st.binary(max_size=3)) + body[at + draw(st.integers(0, 3)) :]
    return body


@st.composite
def paths(draw: st.DrawFn) -> str:
    segment = st.text(max_size=6).map(quote) | st.sampled_from(["%", "%ff", "%00", "%2F", "..", "", "9" * 5000, "-1"])
    name = draw(st.just(NAME) | segment)
    choice = draw(
        st.sampled_from(["", "", "", "/versions/123", "/versions/0123", "/labels/stable"])
        | st.builds("/{}/{}".format, st.sampled_from(["versions", "labels", "LABELS", "x"]), segment)
    )
    verb = draw(st.sampled_from(["", ":predict", ":classify", ":regress", "/metadata", ":PREDICT"]) | segment)
    return draw(st.just(f"/v1/models/{name}{choice}{verb}") | segment.map(lambda text: f"/v1/{text}"))


def see_that_it_is_no_fault_of_the_server(status: int, content: bytes) -> None:
    assert status in (200, 400, 404), content
    if status != 200:
        assert list(json.loads(content)) == ["error"]


@fuzz
@given(body=bodies(), verb=st.sampled_from(["predict", "classify", "regress"]))
def test_any_body(connection: http.client.HTTPConnection, body: bytes, verb: str) -> None:
    see_that_it_is_no_fault_of_the_server(*ask(connection, "POST", f"/v1/models/{NAME}:{verb}", body, {}))


@fuzz
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"]),
    path=paths(),
    body=bodies(),
    encoding=st.sampled_from(["", "gzip", "gzipped", "br", "GZIP"]),
)
def test_any_path_method_and_encoding(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes, encoding: str
) -> None:
    content = gzip.compress(body) if encoding == "gzipped" else body
    headers = {"content-encoding": encoding.replace("gzipped", "gzip")} if encoding else {}
    see_that_it_is_no_fault_of_the_server(*ask(connection, method, path, content, headers))


@fuzz
@given(sent=st.binary(min_size=1, max_size=200))
def test_any_bytes_on_the_rest_port(server: ModelServerProcess, sent: bytes) -> None:
    parts = urlsplit(server.rest_url)
    with socket.create_connection((parts.hostname, parts.port or 80), timeout=10) as opened:
        opened.sendall(sent + b"\r\n\r\n")
        opened.shutdown(socket.SHUT_WR)
        answer = opened.recv(4096)
    assert not answer.startswith(b"HTTP/1.1 5")


def test_a_small_gzip_cannot_become_gigabytes(connection: http.client.HTTPConnection) -> None:
    bomb = gzip.compress(bytes(2**27), 1) * 3
    connection.close()  # the server has waited too long for the next request
    status, content = ask(connection, "POST", f"/v1/models/{NAME}:predict", bomb, {"content-encoding": "gzip"})
    assert status == 400, content


CALLS: dict[str, type[Message]] = {
    "PredictionService/Predict": predict_pb2.PredictRequest,
    "PredictionService/Classify": classification_pb2.ClassificationRequest,
    "PredictionService/Regress": regression_pb2.RegressionRequest,
    "PredictionService/MultiInference": inference_pb2.MultiInferenceRequest,
    "PredictionService/GetModelMetadata": get_model_metadata_pb2.GetModelMetadataRequest,
    "ModelService/GetModelStatus": get_model_status_pb2.GetModelStatusRequest,
}
GOOD: dict[str, Message] = {
    "PredictionService/Predict": protos.predict(),
    "PredictionService/Classify": protos.classify("classify_labels", protos.examples(1.0, 2.0)),
    "PredictionService/Regress": protos.regress("regress_flat", protos.examples(1.0, context=2.0)),
    "PredictionService/MultiInference": protos.multi(
        (protos.spec("regress_flat"), REGRESS), (protos.spec("classify_labels"), CLASSIFY)
    ),
    "PredictionService/GetModelMetadata": protos.metadata("signature_def"),
    "ModelService/GetModelStatus": protos.status(protos.spec(version=123)),
}
CLIENTS_FAULT = {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "UNIMPLEMENTED"}


def call(channel: grpc.Channel, method: str, sent: bytes) -> str:
    try:
        channel.unary_unary(f"/tensorflow.serving.{method}")(sent, timeout=30)
    except grpc.RpcError as error:
        return str(error.code().name)
    return "OK"


def see_that_the_code_is_right(channel: grpc.Channel, method: str, sent: bytes) -> None:
    code = call(channel, method, sent)
    assert code in CLIENTS_FAULT
    if not parses(method, sent):
        assert code == "INVALID_ARGUMENT"


def parses(method: str, sent: bytes) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the parser's, of messages that end too early
            CALLS[method].FromString(sent)
    except DecodeError:
        return False
    return True


@fuzz
@given(method=st.sampled_from(sorted(CALLS)), sent=st.binary(max_size=64))
def test_any_bytes_as_a_message(channel: grpc.Channel, method: str, sent: bytes) -> None:
    see_that_the_code_is_right(channel, method, sent)


@fuzz
@given(data=st.data(), method=st.sampled_from(sorted(CALLS)))
def test_good_messages_with_wrong_bytes(channel: grpc.Channel, data: st.DataObject, method: str) -> None:
    sent = bytearray(GOOD[method].SerializeToString())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(sent) - 1))
        sent[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(min_size=1, max_size=2))
    see_that_the_code_is_right(channel, method, bytes(sent))


@st.composite
def tensors(draw: st.DrawFn) -> tensor_pb2.TensorProto:
    """Any type with any shape and any values, which mostly do not belong together."""
    made = tensor_pb2.TensorProto(dtype=draw(st.sampled_from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14, 17, 19, 20, 21, 23])))
    for size in draw(st.lists(st.integers(-2, 4) | st.sampled_from([2**20 + 1, 2**40, 2**62]), max_size=3)):
        made.tensor_shape.dim.add(size=size)
    made.tensor_shape.unknown_rank = draw(st.sampled_from([False] * 9 + [True]))
    made.float_val.extend(draw(st.lists(st.floats(width=32), max_size=3)))
    made.int_val.extend(draw(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=3)))
    made.int64_val.extend(draw(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=2)))
    made.half_val.extend(draw(st.lists(st.integers(0, 2**31 - 1), max_size=2)))
    made.string_val.extend(draw(st.lists(st.binary(max_size=4), max_size=3)))
    made.bool_val.extend(draw(st.lists(st.booleans(), max_size=2)))
    made.tensor_content = draw(st.binary(max_size=16))
    return made


@fuzz
@given(
    inputs=st.dictionaries(st.sampled_from(["x", "tag", "signal", "image", "inputs", *TYPES]), tensors(), max_size=2),
    signature_name=st.sampled_from(SIGNATURES),
    wanted=st.lists(st.sampled_from(["y", "tag", "sum", "x"]), max_size=2),
)
def test_tensors_that_do_not_fit(channel: grpc.Channel, inputs: Any, signature_name: str, wanted: list[str]) -> None:
    request = protos.predict(inputs, *wanted, of=protos.spec(signature_name))
    see_that_the_code_is_right(channel, "PredictionService/Predict", request.SerializeToString())


@fuzz
@given(dtype=st.sampled_from(sorted(TYPES)), made=tensors())
def test_tensors_of_the_right_name_and_type(channel: grpc.Channel, dtype: str, made: tensor_pb2.TensorProto) -> None:
    made.dtype = TYPES[dtype].as_datatype_enum
    request = protos.predict({dtype: made}, of=protos.spec(f"same_{dtype}"))
    see_that_the_code_is_right(channel, "PredictionService/Predict", request.SerializeToString())
