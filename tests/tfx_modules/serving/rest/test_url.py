"""TensorFlow Serving's URLs."""

import pytest

from tfx_modules.serving.exceptions import InvalidRequestError
from tfx_modules.serving.rest.url import Target, parse_path
from tfx_modules.serving.specs import ModelSpec


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/v1/models/reviews", Target(ModelSpec("reviews"), "")),
        ("/v1/models/reviews/versions/7", Target(ModelSpec("reviews", 7), "")),
        ("/v1/models/reviews/metadata", Target(ModelSpec("reviews"), "/metadata")),
        ("/v1/models/reviews:predict", Target(ModelSpec("reviews"), ":predict")),
        ("/V1/Models/Reviews:Predict", Target(ModelSpec("Reviews"), ":predict")),
        ("/v1/models/reviews/versions/010:predict", Target(ModelSpec("reviews", 10), ":predict")),
        ("/v1/models/reviews/labels/a%20b", Target(ModelSpec("reviews", label="a b"), "")),
        ("/v1/models/reviews/labels/stable:regress", Target(ModelSpec("reviews", label="stable"), ":regress")),
        ("/v1/models/reviews/Labels/stable/Metadata", Target(ModelSpec("reviews", label="stable"), "/metadata")),
        ("/v1/models/my%20reviews", Target(ModelSpec("my reviews"), "")),
    ],
)
def test_a_path_names_model_version_and_action(path: str, target: Target) -> None:
    assert parse_path("GET", path) == target


@pytest.mark.parametrize(
    "path",
    ["/v1/models", "/v1/models/", "/v1/models/a/b", "/v1/models/a/versions/x", "/v1/models/a/versions/-1", "/v1/x"],
)
def test_any_other_path_is_malformed(path: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"Malformed request: POST {path}"):
        parse_path("POST", path)


@pytest.mark.parametrize("digits", ["9223372036854775808", "9" * 5000])
def test_a_version_beyond_64_bits_is_no_number(digits: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"Failed to convert version: {digits} to numeric"):
        parse_path("GET", f"/v1/models/a/versions/{digits}")


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/versions/1"])
def test_a_status_needs_a_name(path: str) -> None:
    with pytest.raises(InvalidRequestError, match="Missing model name in request"):
        parse_path("GET", path)
