"""Predict over REST."""

import base64
import gzip
from typing import Any

import pytest

from tests.tfx_modules.serving.conformance.conftest import Ask
from tests.tfx_modules.serving.conformance.model import LABEL, MODEL_NAME_IN_PERCENT, VERSION
from tests.tfx_modules.serving.conformance.target import MODEL, RestCase

DOC, TENSOR, HANDLER = "api_rest.md", "json_tensor.cc", "http_rest_api_handler_test.cc"
UTIL, GZIP = "http_rest_api_util.cc", "evhttp_request.cc"
NAN = float("nan")
INF = float("inf")


def b64(value: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(value).decode()}


def rows(values: Any, signature_name: str = "serving_default") -> dict[str, Any]:
    return {"signature_name": signature_name, "instances": values}


def columns(values: Any, signature_name: str = "serving_default") -> dict[str, Any]:
    return {"signature_name": signature_name, "inputs": values}


TAGGED = [{"tag": "foo", "signal": [1, 2, 3]}, {"tag": "bar", "signal": [3.5, 4, 1]}]
SERIALISED = b"\n\x0f\n\r\n\x01x\x12\x08\x12\x06\n\x04\x00\x00\x00\x40"  # a tf.Example with x = 2.0

ANSWERED = [
    RestCase("a row is a value", DOC, {"instances": [1.0, 2.0, 5.0]}, answer={"predictions": [2.5, 3.0, 4.5]}),
    RestCase(
        "a row is a list", HANDLER, rows([[1.0, 2.0], [3.0, 4.0]]), answer={"predictions": [[2.5, 3.0], [3.5, 4.0]]}
    ),
    RestCase("rows of [1, 2]", DOC, rows([[[1, 2]], [[3, 4]]]), answer={"predictions": [[[2.5, 3.0]], [[3.5, 4.0]]]}),
    RestCase("rows of no values", TENSOR, rows([[], []]), answer={"predictions": [[], []]}),
    RestCase("a row names its input", DOC, rows([{"x": 1.0}, {"x": 2.0}]), answer={"predictions": [2.5, 3.0]}),
    RestCase("a column", HANDLER, columns([3.0, 4.0]), answer={"outputs": [3.5, 4.0]}),
    RestCase("a named column", DOC, columns({"x": [3.0, 4.0]}), answer={"outputs": [3.5, 4.0]}),
    RestCase("a column is a value", DOC, columns(1.0), answer={"outputs": 2.5}),
    RestCase("no signature_name", DOC, {"inputs": [1.0]}, answer={"outputs": [2.5]}),
    RestCase("an empty signature_name", TENSOR, columns([1.0], ""), answer={"outputs": [2.5]}),
    RestCase("unknown keys are let be", TENSOR, {"inputs": [1.0], "more": 3}, answer={"outputs": [2.5]}),
    RestCase(
        "several inputs and outputs by row",
        DOC,
        rows(TAGGED, "several"),
        answer={"predictions": [{"tag": "FOO", "sum": 6.0}, {"tag": "BAR", "sum": 8.5}]},
    ),
    RestCase(
        "several inputs and outputs by column",
        DOC,
        columns({"tag": ["foo", "bar"], "signal": [[1, 2, 3], [3.5, 4, 1]]}, "several"),
        answer={"outputs": {"tag": ["FOO", "BAR"], "sum": [6.0, 8.5]}},
    ),
    RestCase(
        "texts, floats and truths of rank 2 by row, as of label sets",
        TENSOR,
        rows(["a", "bcd"], "label_sets"),
        answer={
            "predictions": [
                {"labels": ["long", "any"], "scores": [0.25, 0.5], "chosen": [False, True]},
                {"labels": ["long", "any"], "scores": [0.75, 0.5], "chosen": [True, True]},
            ]
        },
    ),
    RestCase(
        "columns of different first dimensions",
        DOC,
        columns({"tag": ["foo"], "signal": [[1], [2]]}, "several"),
        answer={"outputs": {"tag": ["FOO"], "sum": [1.0, 2.0]}},
    ),
    RestCase(
        "a column that the signature does not have is let be",
        TENSOR,
        columns({"x": [1.0], "z": [2.0]}),
        answer={"outputs": [2.5]},
    ),
    RestCase("an output of rank 0 by column", TENSOR, columns([1.0, 2.5], "total"), answer={"outputs": 3.5}),
    RestCase("NaN and Infinity", DOC, b'{"inputs": [NaN, Infinity, -Infinity]}', answer={"outputs": [NAN, INF, -INF]}),
    RestCase("exponents", DOC, b'{"inputs": [1e1, -2E-1]}', answer={"outputs": [7.0, 1.9]}),
    RestCase("floats have no noise", TENSOR, b'{"inputs": [-3.6]}', answer={"outputs": [0.2]}),
    RestCase("doubles", DOC, rows([1e300, 0.1], "same_double"), answer={"predictions": [1e300, 0.1]}),
    RestCase("int8", DOC, rows([-128, 127], "same_int8"), answer={"predictions": [-128, 127]}),
    RestCase("int16", DOC, rows([-32768, 32767], "same_int16"), answer={"predictions": [-32768, 32767]}),
    RestCase("int32", DOC, rows([-(2**31), 2**31 - 1], "same_int32"), answer={"predictions": [-(2**31), 2**31 - 1]}),
    RestCase("int64", DOC, rows([-(2**63), 2**63 - 1], "same_int64"), answer={"predictions": [-(2**63), 2**63 - 1]}),
    RestCase("uint8", DOC, rows([0, 255], "same_uint8"), answer={"predictions": [0, 255]}),
    RestCase("bool", DOC, rows([True, False], "same_flag"), answer={"predictions": [True, False]}),
    RestCase("string", DOC, rows(["", "été 电影 😀"], "same_text"), answer={"predictions": ["", "été 电影 😀"]}),
    RestCase("bytes in, text out", DOC, rows([b64(b"abc")], "same_text"), answer={"predictions": ["abc"]}),
    RestCase(
        "bytes in and out",
        DOC,
        rows([b64(b"\x00\xff"), b64(b"")], "image"),
        answer={"predictions": [b64(b"\x00\xff"), b64(b"")]},
    ),
    RestCase(
        "bytes of a named row", DOC, rows([{"image": b64(b"\x01")}], "image"), answer={"predictions": [b64(b"\x01")]}
    ),
    RestCase(
        "a column that is one value of bytes", TENSOR, columns(b64(b"\x01"), "image"), answer={"outputs": b64(b"\x01")}
    ),
    RestCase("base64 without padding", TENSOR, rows([{"b64": "AQ"}], "image"), answer={"predictions": [b64(b"\x01")]}),
    RestCase("a large body", DOC, rows(["x" * 5 * 2**20], "same_text"), answer={"predictions": ["x" * 5 * 2**20]}),
    RestCase("by version", DOC, rows([1.0]), f"{MODEL}/versions/{VERSION}:predict", answer={"predictions": [2.5]}),
    RestCase("by label", HANDLER, rows([1.0]), f"{MODEL}/labels/{LABEL}:predict", answer={"predictions": [2.5]}),
    RestCase("a version with zeros before it", UTIL, rows([1.0]), f"{MODEL}/versions/0{VERSION}:predict"),
    RestCase("case does not count", UTIL, rows([1.0]), MODEL.replace("v1/models", "V1/Models") + ":Predict"),
    RestCase("percent signs in the name", UTIL, rows([1.0]), f"/v1/models/{MODEL_NAME_IN_PERCENT}:predict"),
    RestCase(
        "a compressed body",
        GZIP,
        gzip.compress(b'{"inputs": [1.0]}'),
        answer={"outputs": [2.5]},
        headers=(("content-encoding", "gzip"),),
    ),
    RestCase(
        "a signature for classify can be predicted with",
        "predict_util.cc",
        rows([b64(SERIALISED)], "classify_x_to_y"),
        answer={"predictions": [[3.0]]},
    ),
]


def refused(shows: str, source: str, body: Any, error: str = "") -> RestCase:
    return RestCase(shows, source, body, status=400, error=error)


REFUSED = [
    refused("no body", HANDLER, b"", "JSON Parse error: The document is empty"),
    refused("no JSON", HANDLER, b"instances = [1, 2]", "JSON Parse error"),
    refused("half of a JSON", TENSOR, b'{"instances": [1.0', "JSON Parse error"),
    refused("no object", TENSOR, b"[1.0]", "Is not object"),
    refused(
        "neither instances nor inputs",
        TENSOR,
        {"signature_name": "serving_default"},
        "Missing 'inputs' or 'instances' key",
    ),
    refused("both instances and inputs", DOC, {"instances": [1.0], "inputs": [1.0]}),
    refused("instances is no list", TENSOR, {"instances": 1.0}),
    refused("instances is empty", TENSOR, {"instances": []}),
    refused(
        "signature_name is no string",
        HANDLER,
        {"signature_name": 100, "inputs": [1.0]},
        "'signature_name' key must be a string value",
    ),
    refused("an unknown signature", "http_rest_api_handler.cc", rows([1.0], "other"), "not found"),
    refused("strings for floats", HANDLER, rows(["x", "y"]), "not of expected type"),
    refused("true for a float", TENSOR, rows([True]), "not of expected type"),
    refused("null", TENSOR, rows([None]), "not of expected type"),
    refused("a float for an int32", TENSOR, rows([1.5], "same_int32"), "not of expected type"),
    refused("an int32 out of range", TENSOR, rows([2**31], "same_int32"), "not of expected type"),
    refused("a number for a string", TENSOR, rows([3], "same_text"), "not of expected type"),
    refused("a number for a bool", TENSOR, rows([1], "same_flag"), "not of expected type"),
    refused("an integer that a float cannot hold", TENSOR, rows([2**24 + 1])),
    refused("a double that a float cannot hold", TENSOR, rows([1e39])),
    refused("bytes for a float", TENSOR, rows([b64(b"a")]), "not of expected type"),
    refused("damaged base64", TENSOR, rows([{"b64": "?"}], "image"), "Unable to base64 decode"),
    refused("rows of different sizes", TENSOR, rows([[1.0, 2.0], [1.0]])),
    refused("rows of different ranks", TENSOR, rows([[1.0], 1.0])),
    refused("ragged lists in a column", TENSOR, columns([[1.0, 2.0], [1.0]])),
    refused("a value beside an object", TENSOR, rows([{"x": 1.0}, 1.0])),
    refused("an object beside a value", TENSOR, rows([1.0, {"x": 1.0}])),
    refused("a row lacks an input", TENSOR, rows([{"tag": "a"}], "several"), "keys must be equal to: "),
    refused("a row has one input too many", TENSOR, rows([{"x": 1.0, "z": 1.0}])),
    refused("plain rows for several inputs", TENSOR, rows([1.0], "several")),
    refused("a plain column for several inputs", TENSOR, columns([1.0], "several")),
    refused(
        "a column is missing",
        TENSOR,
        columns({"tag": ["a"]}, "several"),
        "Missing named input: signal in 'inputs' object",
    ),
    refused("an output of rank 0 by row", TENSOR, rows([1.0, 2.5], "total")),
    refused("outputs of different sizes by row", TENSOR, rows([{"tag": "a", "signal": []}, {"tag": "b"}], "several")),
    refused("a shape that the graph refuses", DOC, columns({"tag": [["a"]], "signal": [1.0]}, "several")),
    RestCase("damaged gzip", GZIP, b"{}", status=400, headers=(("content-encoding", "gzip"),)),
]


@pytest.mark.parametrize("case", ANSWERED, ids=str)
def test_predict_is_answered(check: Ask, case: RestCase) -> None:
    check(case)


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_predict_is_refused(check: Ask, case: RestCase) -> None:
    check(case)
