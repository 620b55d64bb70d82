"""Converts the JSON of classify and regress to and from serialised tf.Examples, by the rules of ``api_rest.md``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from tensorflow.core.example import example_pb2, feature_pb2

from tfx_modules.serving.exceptions import InvalidRequestError
from tfx_modules.serving.flags.request_flags import DEFAULT_BOUNDS, RequestFlags
from tfx_modules.serving.inference.classify_regress import Classifications, Result, with_context
from tfx_modules.serving.rest.json.input import parse_object, read_signature_name
from tfx_modules.serving.rest.json.output import listed, write_json
from tfx_modules.serving.rest.json.tensor import read_bytes, shown

_INT64 = np.iinfo(np.int64)
_MAX_FLOAT = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class ExamplesDocument:
    """A classify or regress request.

    Attributes:
        examples: serialised tf.Examples, each with the context's features in it.
    """

    signature_name: str
    examples: tuple[bytes, ...]


def read_examples(body: bytes, limits: RequestFlags = DEFAULT_BOUNDS) -> ExamplesDocument:
    """Read the body of a classify or regress request.

    Raises:
        InvalidRequestError: it is not JSON, holds more than it may, or does not have the form; says where.
    """
    document = parse_object(body, limits)
    signature_name = read_signature_name(document)
    if "examples" not in document:
        raise InvalidRequestError(f"JSON Value: {shown(document)} lacks the key 'examples', a list of objects")
    rows = document["examples"]
    if not isinstance(rows, list) or not rows:
        raise InvalidRequestError(f"'examples' must be a list of at least one object, got {shown(rows)}")
    context = _example(document["context"], "'context'") if "context" in document else b""
    examples = [_example(row, f"element {index} of 'examples'") for index, row in enumerate(rows)]
    return ExamplesDocument(signature_name, tuple(with_context(context, examples, limits.max_uncompressed_bytes)))


def write_result(result: Result) -> bytes:
    """Write a response: per example a list of [label, score] pairs, or one value."""
    if isinstance(result, Classifications):
        labels, scores = listed("label", result.labels), listed("score", result.scores)
        rows = [list(map(list, zip(*row, strict=True))) for row in zip(labels, scores, strict=True)]
        return write_json({"results": rows})
    return write_json({"results": listed("value", result.values)})


def _example(value: Any, where: str) -> bytes:
    if not isinstance(value, Mapping):
        raise InvalidRequestError(f"Example must be JSON object but got {shown(value)} as {where}")
    example = example_pb2.Example()
    for name, content in value.items():
        _encodable(name, where)
        feature = _feature(content, f"feature {name!r} in {where}")
        example.features.feature[name].CopyFrom(feature)
    serialised: bytes = example.SerializeToString()
    return serialised


def _encodable(name: str, where: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequestError(f"{where} has a feature name with half of a surrogate pair") from error


def _feature(content: Any, where: str) -> feature_pb2.Feature:
    feature = feature_pb2.Feature()
    for value in content if isinstance(content, list) else [content]:
        kind, converted = _converted(value, where)
        if feature.WhichOneof("kind") not in (None, kind):
            raise InvalidRequestError(f"Unexpected element type in {where}: {shown(value)} beside another type")
        getattr(feature, kind).value.append(converted)
    return feature


def _converted(value: Any, where: str) -> tuple[str, Any]:
    """Return which of a feature's lists a value belongs to, and the value for it."""
    if isinstance(value, int):  # also true and false
        if not _INT64.min <= value <= _INT64.max:
            raise InvalidRequestError(f"{where} has {shown(value)}; only int64 is supported")
        return "int64_list", int(value)
    if isinstance(value, float):
        if _MAX_FLOAT < abs(value) < float("inf"):
            raise InvalidRequestError(f"{where} has {shown(value)}, which is beyond the range of a float")
        return "float_list", value
    if isinstance(value, str | dict):
        return "bytes_list", read_bytes(value, where)
    raise InvalidRequestError(f"{where} has an element of unexpected JSON type: {shown(value)}")
