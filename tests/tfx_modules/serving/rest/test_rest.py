"""The REST API of a real server process."""

import base64
import gzip
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import tensorflow as tf

from tests.tfx_modules.serving.exported_models import MODEL
from tfx_modules.serving.process import ModelServerProcess


@pytest.fixture(scope="module")
def client(server: ModelServerProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.rest_url, timeout=30, trust_env=False) as made:
        yield made


def predict(client: httpx.Client, body: Any, *, path: str = f"/v1/models/{MODEL}:predict") -> Any:
    response = client.post(path, json=body)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    return response.json()


@pytest.mark.parametrize("rows", [["a good film", "a bad film"], [{"text": "a good film"}, {"text": "a bad film"}]])
def test_rows_are_answered_by_an_object_each(client: httpx.Client, rows: list[Any]) -> None:
    assert predict(client, {"instances": rows}) == {
        "predictions": [{"label": "positive", "score": 0.9}, {"label": "negative", "score": 0.1}]
    }


@pytest.mark.parametrize("column", [["a good film", "bad"], {"text": ["a good film", "bad"]}])
def test_columns_are_answered_by_columns(client: httpx.Client, column: Any) -> None:
    assert predict(client, {"inputs": column}) == {"outputs": {"label": ["positive", "negative"], "score": [0.9, 0.1]}}


def test_a_signature_can_be_chosen(client: httpx.Client) -> None:
    body = {"signature_name": "arithmetic", "instances": [{"a": [1, 2.5], "b": 3}, {"a": [0, 0], "b": 4}]}
    assert predict(client, body) == {"predictions": [{"sum": 6.5, "even": False}, {"sum": 4.0, "even": True}]}


def test_serialised_examples_come_in_base64(client: httpx.Client) -> None:
    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"so good"]))
    example = tf.train.Example(features=tf.train.Features(feature={"text": feature})).SerializeToString()
    row = {"b64": base64.b64encode(example).decode()}
    body = {"signature_name": "serving_examples", "instances": [row]}
    assert predict(client, body) == {"predictions": [{"label": "positive", "score": 0.9}]}


def test_bytes_go_out_in_base64(client: httpx.Client) -> None:
    row = {"b64": base64.b64encode(b"\x00\xff").decode()}
    assert predict(client, {"signature_name": "as_bytes", "instances": [row]}) == {"predictions": [row]}


def test_an_output_without_rows_is_given_by_column(client: httpx.Client) -> None:
    assert predict(client, {"signature_name": "total", "inputs": [1, 2, 3.5]}) == {"outputs": 6.5}


def test_a_large_request_is_answered(client: httpx.Client) -> None:
    rows = ["a long and winding but good film " * 30] * 500
    assert len(predict(client, {"instances": rows})["predictions"]) == 500


EXAMPLES = [{"text": "so good"}, {"text": ["bad"]}]


def test_classify_answers_pairs_of_label_and_score(client: httpx.Client) -> None:
    body = {"signature_name": "judge", "examples": EXAMPLES}
    assert predict(client, body, path=f"/v1/models/{MODEL}:classify") == {
        "results": [[["negative", 0.1], ["positive", 0.9]], [["negative", 0.9], ["positive", 0.1]]]
    }


def test_regress_answers_a_number_per_example(client: httpx.Client) -> None:
    body = {"signature_name": "rate", "examples": EXAMPLES}
    assert predict(client, body, path=f"/v1/models/{MODEL}/versions/1:regress") == {"results": [0.9, 0.1]}


def test_examples_share_a_context(client: httpx.Client) -> None:
    body = {"signature_name": "rate", "context": {"text": "good"}, "examples": [{}, {"other": 1.5}]}
    assert predict(client, body, path=f"/v1/models/{MODEL}:regress") == {"results": [0.9, 0.9]}


def test_a_body_may_be_compressed(client: httpx.Client) -> None:
    body = gzip.compress(b'{"instances": ["a good film"], "signature_name": "as_bytes"}')
    response = client.post(f"/v1/models/{MODEL}:predict", content=body, headers={"content-encoding": "gzip"})
    assert response.status_code == 200, response.text


@pytest.mark.parametrize(
    ("encoding", "body", "message"),
    [
        ("gzip", b"{}", "the body is not valid gzip"),
        ("gzip", gzip.compress(b"{}" * 9000)[:-9], "cut off before its end"),
        ("gzip", gzip.compress(bytes(101 * 1024 * 1024), 1), "more than 104857600 bytes when uncompressed"),
        ("br", b"{}", "Content-Encoding 'br' is not supported; allowed: gzip"),
    ],
)
def test_a_compressed_body_that_cannot_be_read_is_refused(
    client: httpx.Client, encoding: str, body: bytes, message: str
) -> None:
    response = client.post(f"/v1/models/{MODEL}:predict", content=body, headers={"content-encoding": encoding})
    assert response.status_code == 400
    assert message in response.json()["error"]


def test_a_version_can_be_named(client: httpx.Client) -> None:
    body = {"signature_name": "which_version", "instances": ["x"]}
    assert predict(client, body, path=f"/v1/models/{MODEL}/versions/1:predict") == {"predictions": [1]}


def test_the_status_tells_of_every_version(client: httpx.Client) -> None:
    status = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    for path in (f"/v1/models/{MODEL}", f"/v1/models/{MODEL}/versions/1", f"/V1/MODELS/{MODEL}"):
        assert client.get(path).json() == {"model_version_status": [status]}


def test_the_metadata_tells_types_and_shapes(client: httpx.Client) -> None:
    document = client.get(f"/v1/models/{MODEL}/metadata").json()
    assert document["model_spec"] == {"name": MODEL, "signature_name": "", "version": "1"}
    signature = document["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    text = signature["inputs"]["text"]
    assert (text["dtype"], text["tensor_shape"]["dim"][0]["size"]) == ("DT_STRING", "-1")


GOOD = b'{"instances": ["a"]}'


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("POST", "/v1/models/other:predict", GOOD, 404, "Servable not found for request: Latest(other)"),
        ("POST", "/v1/models/reviews/versions/7:predict", GOOD, 404, "request: Specific(reviews, 7)"),
        ("GET", "/v1/models/other", b"", 404, "Could not find any versions of model other"),
        ("GET", "/v1/models/reviews/versions/7", b"", 404, "Could not find version 7 of model reviews"),
        ("GET", "/v1/models/other/metadata", b"", 404, "Servable not found"),
        ("POST", "/v1/models/reviews:predict", b"{", 400, "JSON Parse error"),
        ("POST", "/v1/models/reviews:predict", b"", 400, "The document is empty"),
        ("POST", "/v1/models/reviews:predict", b'{"instances": [1]}', 400, "not of expected type"),
        ("POST", "/v1/models/reviews:predict", b'{"instances": [["a"]]}', 400, "has shape [1, 1]"),
        ("POST", "/v1/models/reviews:predict", b'{"instances": ["a"], "signature_name": "x"}', 400, "not found"),
        ("POST", "/v1/models/reviews:predict", b'{"instances": [""], "signature_name": "not_empty"}', 400, "rejects"),
        ("GET", "/v1/models/reviews:predict", b"", 400, "Malformed request: GET /v1/models/reviews:predict"),
        ("DELETE", "/v1/models/reviews", b"", 400, "Malformed request: DELETE"),
        ("POST", "/v1/models/reviews", GOOD, 400, "Malformed request: POST"),
        ("POST", "/v1/models/reviews:guess", GOOD, 400, "Malformed request"),
        ("GET", "/v1/models/%FF/x", b"", 400, "Malformed request"),
        ("POST", "/v1/models/reviews:classify", GOOD, 400, "lacks the key 'examples'"),
        ("POST", "/v1/models/reviews:classify", b'{"examples": [{}]}', 400, "Was: tensorflow/serving/predict"),
        ("POST", "/v1/models/reviews/labels/stable:predict", GOOD, 400, "Unrecognized servable version label: stable"),
        ("GET", "/v1/models/reviews/labels/stable", b"", 400, "Unrecognized servable version label: stable"),
        ("GET", "/v1/models", b"", 400, "Missing model name in request."),
        ("BREW", "/v1/models/reviews", b"", 400, "Malformed request: BREW"),
        ("GET", "/", b"", 404, "the API is under /v1/models/"),
    ],
)
def test_errors_have_tensorflow_servings_form_and_status(
    client: httpx.Client, method: str, path: str, body: bytes, status: int, message: str
) -> None:
    response = client.request(method, path, content=body)
    assert response.status_code == status
    document = response.json()
    assert list(document) == ["error"]
    assert message in document["error"]


def test_nan_is_written_as_such(client: httpx.Client) -> None:
    body = b'{"signature_name": "total", "inputs": [NaN]}'
    response = client.post(f"/v1/models/{MODEL}:predict", content=body)
    assert response.text == '{"outputs":NaN}'
    assert json.loads(response.text)["outputs"] != 0
