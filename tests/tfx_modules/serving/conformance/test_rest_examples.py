"""Classify and regress over REST."""

from typing import Any

import pytest

from tests.tfx_modules.serving.conformance.conftest import Ask
from tests.tfx_modules.serving.conformance.model import LABEL, VERSION
from tests.tfx_modules.serving.conformance.target import MODEL, RestCase

DOC, TENSOR, HANDLER = "api_rest.md", "json_tensor.cc", "http_rest_api_handler_test.cc"
CLASSIFIER, REGRESSOR, DEFS = "classifier.cc", "regressor.cc", "signature_defs.md"


def examples(signature_name: str, *values: Any, **more: Any) -> dict[str, Any]:
    return {"signature_name": signature_name, "examples": list(values), **more}


def classify(shows: str, source: str, body: Any, answer: Any) -> RestCase:
    return RestCase(shows, source, body, f"{MODEL}:classify", answer={"results": answer})


def regress(shows: str, source: str, body: Any, answer: Any, path: str = f"{MODEL}:regress") -> RestCase:
    return RestCase(shows, source, body, path, answer={"results": answer})


IMAGE = {"b64": "aW1hZ2UgYnl0ZXM="}  # 11 bytes

BY_LABEL = examples("regress_x_to_y", {"x": 80.0})
CLASSIFIED = examples("classify_x_to_y", {"x": 10.0})

ANSWERED = [
    classify("scores without labels", HANDLER, examples("classify_x_to_y", {"x": 20.0}), [[["", 12.0]]]),
    classify(
        "labels with scores, of several examples",
        DOC,
        examples("classify_labels", {"x": 20.0}, {"x": 2.0}),
        [[["half", 12.0], ["minus", -12.0]], [["half", 3.0], ["minus", -3.0]]],
    ),
    classify(
        "labels without scores", DEFS, examples("classify_classes_only", {"x": 1.0}), [[["half", 0.0], ["minus", 0.0]]]
    ),
    regress("values of [batch, 1]", HANDLER, examples("regress_x_to_y", {"x": 80.0}), [42.0]),
    regress("values of [batch]", REGRESSOR, examples("regress_flat", {"x": 80.0}, {"x": 1.0}), [42.0, 2.5]),
    regress(
        "by version", HANDLER, examples("regress_x_to_y", {"x": 80.0}), [42.0], f"{MODEL}/versions/{VERSION}:regress"
    ),
    regress("by label", HANDLER, BY_LABEL, [42.0], f"{MODEL}/labels/{LABEL}:regress"),
    RestCase("by label", HANDLER, CLASSIFIED, f"{MODEL}/labels/{LABEL}:classify", answer={"results": [[["", 7.0]]]}),
    regress("a list of one value", DOC, examples("regress_x_to_y", {"x": [80.0]}), [42.0]),
    regress("a context for all examples", DOC, examples("regress_x_to_y", {}, {}, context={"x": 2.0}), [3.0, 3.0]),
    regress("a context beside a feature", DOC, examples("regress_size", {"count": 3}, context={"x": 2.0}), [3.0]),
    regress("integers are int64 features", TENSOR, examples("regress_size", {"x": 1.0, "count": 7}), [7.0]),
    regress("booleans are int64 features", TENSOR, examples("regress_size", {"x": 1.0, "count": True}), [1.0]),
    regress("strings are bytes features", DOC, examples("regress_size", {"x": 1.0, "image": "abc"}), [3.0]),
    regress("base64 is a bytes feature", DOC, examples("regress_size", {"x": 1.0, "image": IMAGE}), [11.0]),
    regress("other features are let be", DOC, examples("regress_x_to_y", {"x": 2.0, "caption": "seaside"}), [3.0]),
    regress("NaN", DOC, b'{"signature_name": "regress_x_to_y", "examples": [{"x": NaN}]}', [float("nan")]),
]


def refused(shows: str, source: str, body: Any, error: str = "", verb: str = "classify") -> RestCase:
    return RestCase(shows, source, body, f"{MODEL}:{verb}", status=400, error=error)


def wrong(value: Any) -> dict[str, Any]:
    return examples("classify_x_to_y", {"x": 1.0}, {"x": value})


REFUSED = [
    refused("no body", TENSOR, b"", "JSON Parse error: The document is empty"),
    refused("no object", TENSOR, b"[]", "Is not object"),
    refused("no examples", TENSOR, {"signature_name": "classify_x_to_y"}, "'examples'"),
    refused("examples is no list", TENSOR, {"signature_name": "classify_x_to_y", "examples": {"x": 1.0}}, "'examples'"),
    refused("examples is empty", TENSOR, examples("classify_x_to_y"), "'examples'"),
    refused("an example is no object", TENSOR, examples("classify_x_to_y", 3), "Example must be JSON object but got"),
    refused(
        "the context is no object", TENSOR, examples("classify_x_to_y", {"x": 1.0}, context=[]), "Example must be JSON"
    ),
    refused("signature_name is no string", TENSOR, {"signature_name": 1, "examples": [{}]}, "must be a string value"),
    refused("null", TENSOR, wrong(None), "unexpected JSON type"),
    refused("a list in a list", TENSOR, wrong([[1.0]]), "unexpected JSON type"),
    refused("an object that is no base64", TENSOR, wrong({"a": 1}), ""),
    refused("two types in one feature", TENSOR, wrong([1.0, "a"]), "Unexpected element type in"),
    refused("integers beside decimals", TENSOR, wrong([1.0, 2]), "Unexpected element type in"),
    refused("an unsigned integer of 64 bits", TENSOR, wrong(2**63), "nly int64 is supported"),
    refused("a decimal beyond a float", TENSOR, wrong(1e39), ""),
    refused("a feature of another type", DOC, wrong("abc"), ""),
    refused("a feature is missing", DOC, examples("classify_x_to_y", {}), ""),
    refused(
        "an unknown signature", CLASSIFIER, examples("other", {"x": 1.0}), "No signature was found with the name: other"
    ),
    refused(
        "the default signature is predict's", CLASSIFIER, {"examples": [{"x": 1.0}]}, "Was: tensorflow/serving/predict"
    ),
    refused(
        "classify with regress's signature",
        CLASSIFIER,
        examples("regress_flat", {"x": 1.0}),
        "tensorflow/serving/regress",
    ),
    refused(
        "regress with classify's",
        REGRESSOR,
        examples("classify_labels", {"x": 1.0}),
        "tensorflow/serving/classify",
        "regress",
    ),
    refused("neither classes nor scores", DEFS, examples("classify_without_outputs", {"x": 1.0}), "scores"),
    refused("no outputs", DEFS, examples("regress_without_outputs", {"x": 1.0}), "outputs", "regress"),
    RestCase(
        "an unknown model",
        DOC,
        examples("", {"x": 1.0}),
        "/v1/models/other:classify",
        status=404,
        error="Latest(other)",
    ),
]


@pytest.mark.parametrize("case", ANSWERED, ids=str)
def test_examples_are_answered(check: Ask, case: RestCase) -> None:
    check(case)


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_examples_are_refused(check: Ask, case: RestCase) -> None:
    check(case)
