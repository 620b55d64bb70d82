"""TensorFlow Serving's URLs, as data."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from tfx_modules.serving.disk import MAX_VERSION
from tfx_modules.serving.exceptions import InvalidRequestError
from tfx_modules.serving.specs import ModelSpec

# Upper and lower case are the same, there and here.
_PATTERN = re.compile(
    r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>\d+))?(?:(?P<verb>:[a-z]+)|(?P<part>/metadata))?",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True)
class Target:
    """What a URL stands for.

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
    if match is None:
        raise InvalidRequestError(f"Malformed request: {method} {path}")
    version = int(match["version"]) if match["version"] else None
    if version is not None and version > MAX_VERSION:
        raise InvalidRequestError(f"Failed to convert version: {match['version']} to numeric.")
    return Target(ModelSpec(unquote(match["name"]), version), (match["verb"] or match["part"] or "").lower())
