"""URLs, methods, status and metadata over REST."""

import json
from typing import Any

import httpx
import pytest

from tests.tfx_modules.serving.conformance.conftest import Ask
from tests.tfx_modules.serving.conformance.model import CLASSIFY, LABEL, NAME, PREDICT, REGRESS, VERSION
from tests.tfx_modules.serving.conformance.target import MODEL, RestCase, Target

DOC, HANDLER, STATUS = "api_rest.md", "http_rest_api_handler_test.cc", "get_model_status_impl.cc"
BODY = {"instances": [1.0]}
MALFORMED = "Malformed request"
AVAILABLE = {
    "model_version_status": [
        {"version": str(VERSION), "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    ]
}


def malformed(method: str, path: str, source: str = HANDLER, error: str = MALFORMED, body: Any = BODY) -> RestCase:
    return RestCase(f"{method} {path}", source, body if method != "GET" else b"", path, method, 400, error=error)


CASES = [
    RestCase("the status of all versions", DOC, path=MODEL, method="GET", answer=AVAILABLE),
    RestCase("the status of a label", HANDLER, path=f"{MODEL}/labels/{LABEL}", method="GET", answer=AVAILABLE),
    RestCase("the status of a version", DOC, path=f"{MODEL}/versions/{VERSION}", method="GET", answer=AVAILABLE),
    RestCase(
        "no status of a model",
        STATUS,
        b"",
        "/v1/models/other",
        "GET",
        404,
        error="Could not find any versions of model other",
    ),
    RestCase(
        "no status of a version",
        STATUS,
        b"",
        f"{MODEL}/versions/9",
        "GET",
        404,
        error=f"Could not find version 9 of model {NAME}",
    ),
    RestCase(
        "no metadata of a model",
        DOC,
        b"",
        "/v1/models/other/metadata",
        "GET",
        404,
        error="Servable not found for request",
    ),
    RestCase(
        "no metadata of a version", DOC, b"", f"{MODEL}/versions/9/metadata", "GET", 404, error=f"Specific({NAME}, 9)"
    ),
    RestCase(
        "predict of no model",
        DOC,
        BODY,
        "/v1/models/half:predict",
        "POST",
        404,
        error="Servable not found for request: Latest(half)",
    ),
    RestCase(
        "predict of no version",
        HANDLER,
        BODY,
        f"{MODEL}/versions/99:predict",
        "POST",
        404,
        error=f"Specific({NAME}, 99)",
    ),
    RestCase(
        "a name that begins with one", HANDLER, BODY, f"{MODEL}99:predict", "POST", 404, error="Servable not found"
    ),
    malformed("POST", f"{MODEL}/labels/other:predict", error="Unrecognized servable version label"),
    malformed("POST", f"{MODEL}/labels/other:regress", "server_core.cc", "Unrecognized", {"examples": [{"x": 1.0}]}),
    malformed("GET", f"{MODEL}/labels/other/metadata", "server_core.cc", "Unrecognized servable version label"),
    malformed("GET", "/v1/foo"),
    malformed("POST", "/v1/foo"),
    malformed("GET", "/v1/models", error="Missing model name"),
    malformed("POST", "/v1/models"),
    malformed("GET", "/v1/models/debug/model_name"),
    malformed("GET", "/v1/models/foo:predict"),
    malformed("GET", "/v1/models/foo/version/50:predict"),
    malformed("POST", "/v1/models/foo/version/50:regress"),
    malformed("POST", "/v1/models/foo/versions/HELLO:regress"),
    malformed("POST", f"/v1/models/foo/versions/{2**64 - 1}:regress", error="Failed to convert version"),
    malformed("POST", "/v1/models/foo/metadata"),
    malformed("POST", "/v1/models/foo/label/some_label:regress"),
    malformed("POST", "/v1/models/foo/versions/50/labels/some_label:regress"),
    malformed("POST", "/v1/models/foo/versions/some_label:regress"),
    malformed("POST", f"{MODEL}:guess", "http_rest_api_util.cc"),
    malformed("POST", MODEL, "http_rest_api_util.cc"),
    malformed("PUT", f"{MODEL}:predict", "http_rest_api_handler.cc"),
    malformed("DELETE", MODEL, "http_rest_api_handler.cc"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_urls(check: Ask, case: RestCase) -> None:
    check(case)


@pytest.mark.parametrize(
    "path",
    [MODEL, f"{MODEL}/versions/{VERSION}", f"{MODEL}/labels/{LABEL}"],
    ids=[f"{which} ({DOC})" for which in ("newest", "version", "label")],
)
def test_metadata(target: Target, path: str) -> None:
    document = httpx.get(f"{target.rest}{path}/metadata", trust_env=False).json()
    assert document["model_spec"] == {"name": NAME, "signature_name": "", "version": str(VERSION)}
    signatures = document["metadata"]["signature_def"]["signature_def"]
    methods = {name: signatures[name]["method_name"] for name in ("serving_default", "classify_labels", "regress_flat")}
    assert list(methods.values()) == [PREDICT, CLASSIFY, REGRESS]
    x = signatures["serving_default"]["inputs"]["x"]
    assert (x["dtype"], x["name"], x["tensor_shape"]) == ("DT_FLOAT", "x:0", {"dim": [], "unknown_rank": True})
    assert signatures["several"]["inputs"]["tag"]["tensor_shape"]["dim"] == [{"size": "-1", "name": ""}]


@pytest.mark.parametrize("path", ["/", "/v2/models", "/index"], ids=lambda path: f"{path} ({HANDLER})")
def test_what_is_not_under_v1_is_not_found(target: Target, path: str) -> None:
    assert httpx.get(f"{target.rest}{path}", trust_env=False).status_code == 404


def test_whole_floats_are_written_with_a_point(target: Target) -> None:
    """json_tensor.cc: lists that mix 3 and 3.5 would make clients guess a type."""
    body = json.dumps({"inputs": [2.0]})
    text = httpx.post(f"{target.rest}{MODEL}:predict", content=body, trust_env=False).text
    assert "3.0" in text
