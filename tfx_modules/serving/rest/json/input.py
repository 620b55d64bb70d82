"""Converts a predict request's JSON to arrays, by the rules of TensorFlow Serving's REST API (``api_rest.md``).

Rows (``instances``) are one value or object per example; columns (``inputs``) are one tensor per input.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tfx_modules.serving.exceptions import InvalidRequestError
from tfx_modules.serving.flags.request_flags import DEFAULT_BOUNDS, RequestFlags
from tfx_modules.serving.rest.json.parser import parse_json
from tfx_modules.serving.rest.json.tensor import is_base64, read_tensor, shown
from tfx_modules.serving.specs import DEFAULT_SIGNATURE, MAX_LISTED, Arrays, Signature, TensorInfo


@dataclass(frozen=True)
class PredictDocument:
    """A predict request that has the right form; its values are still JSON.

    Attributes:
        rows: whether it came as ``instances``, and is to be answered in the same form.
        values: what ``instances`` or ``inputs`` holds.
    """

    signature_name: str
    rows: bool
    values: Any


def parse_document(body: bytes, limits: RequestFlags = DEFAULT_BOUNDS) -> PredictDocument:
    """Read the body of a predict request.

    Raises:
        InvalidRequestError: it is not JSON, holds more than it may, is not an object, or does not have exactly one of
            ``instances``, ``inputs``.
    """
    document = parse_object(body, limits)
    signature_name = read_signature_name(document)
    if "instances" in document and "inputs" in document:
        raise InvalidRequestError("the request has both 'instances' and 'inputs'; give one of the two")
    if "inputs" in document:
        return PredictDocument(signature_name, rows=False, values=document["inputs"])
    if "instances" not in document:
        raise InvalidRequestError("Missing 'inputs' or 'instances' key")
    rows = document["instances"]
    if not isinstance(rows, list) or not rows:
        raise InvalidRequestError(f"'instances' must be a list of at least one value, got {shown(rows)}")
    return PredictDocument(signature_name, rows=True, values=rows)


def parse_object(body: bytes, limits: RequestFlags) -> dict[str, Any]:
    """Read a body that has to be a JSON object.

    Raises:
        InvalidRequestError: it is not, or holds more than it may.
    """
    document = parse_json(body, limits)
    if not isinstance(document, dict):
        raise InvalidRequestError(f"JSON Value: {shown(document)} Is not object")
    return document


def read_signature_name(document: dict[str, Any]) -> str:
    """Return which signature a request is for; the default where it does not say.

    Raises:
        InvalidRequestError: it is not a string.
    """
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise InvalidRequestError(
            f"JSON Value: {shown(document)} not formatted correctly. 'signature_name' key must be a string value."
        )
    return name or DEFAULT_SIGNATURE


def read_inputs(document: PredictDocument, signature: Signature) -> Arrays:
    """Convert a request's values to what the signature takes.

    Raises:
        InvalidRequestError: names, nesting or values do not fit; says where.
    """
    if document.rows:
        return _read_rows(document.values, signature)
    return _read_columns(document.values, signature)


def _read_rows(rows: Sequence[Any], signature: Signature) -> Arrays:
    named = _is_named(rows[0])
    for index, row in enumerate(rows):
        if _is_named(row) != named:
            raise InvalidRequestError(f"element {index} of 'instances' is not in the same form as element 0")
        if named and set(row) != set(signature.inputs):
            raise InvalidRequestError(
                f"element {index} of 'instances' has the keys {sorted(row)[:MAX_LISTED]}; keys must be equal to: "
                f"{', '.join(sorted(signature.inputs))}"
            )
    if named:
        return {
            name: read_tensor([row[name] for row in rows], info, f"'{name}' of 'instances'")
            for name, info in signature.inputs.items()
        }
    name, info = _only_input(signature, "instances")
    return {name: read_tensor(rows, info, "'instances'")}


def _read_columns(values: Any, signature: Signature) -> Arrays:
    if not _is_named(values):
        name, info = _only_input(signature, "inputs")
        return {name: read_tensor(values, info, "'inputs'")}
    missing = sorted(set(signature.inputs) - set(values))
    if missing:
        raise InvalidRequestError(f"Missing named input: {missing[0]} in 'inputs' object.")
    return {name: read_tensor(values[name], info, f"'{name}' of 'inputs'") for name, info in signature.inputs.items()}


def _only_input(signature: Signature, key: str) -> tuple[str, TensorInfo]:
    if len(signature.inputs) != 1:
        raise InvalidRequestError(
            f"'{key}' is a plain value or list, but signature {signature.name!r} takes {len(signature.inputs)} inputs: "
            f"{', '.join(sorted(signature.inputs))}; name them in an object"
        )
    return next(iter(signature.inputs.items()))


def _is_named(value: Any) -> bool:
    return isinstance(value, dict) and not is_base64(value)
