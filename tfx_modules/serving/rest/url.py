"""Parses TensorFlow Serving's URLs."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from tfx_modules.serving.exceptions import InvalidRequestError
from tfx_modules.serving.models.disk import MAX_VERSION
from tfx_modules.serving.specs import ModelSpec

# Upper and lower case are the same, there and here.
_PATTERN = re.compile(
    r"/v1/models(?:/(?P<name>[^/:]+))?"
    r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
    r"(?:(?P<verb>:[a-z]+)|(?P<part>/metadata))?",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True)
class Target:
    """The model and action that a URL names.

    Attributes:
        action: ``:predict`` and the like, ``/metadata``, or nothing for the status.
    """

    spec: ModelSpec
    action: str


def parse_path(method: str, path: str) -> Target:
    """Read the path of a request as it was sent, with its percent signs.

    Raises:
        InvalidRequestError: it is none of TensorFlow Serving's.
    """
    match = _PATTERN.fullmatch(path)
    if match is not None and method == "GET" and not (match["name"] or match["verb"]):
        raise InvalidRequestError("Missing model name in request.")
    if match is None or not match["name"]:
        raise InvalidRequestError(f"Malformed request: {method} {path}")
    spec = ModelSpec(unquote(match["name"]), _version(match["version"]), match["label"] and unquote(match["label"]))
    return Target(spec, (match["verb"] or match["part"] or "").lower())


def _version(digits: str | None) -> int | None:
    if digits is None:
        return None
    # Compared by length first: Python refuses to convert thousands of digits.
    if len(digits.lstrip("0")) > len(str(MAX_VERSION)) or int(digits) > MAX_VERSION:
        raise InvalidRequestError(f"Failed to convert version: {digits} to numeric.")
    return int(digits)
