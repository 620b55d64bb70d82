"""Converts arrays to a predict response's JSON, by the rules of TensorFlow Serving's REST API (``api_rest.md``)."""

import base64
import json
from collections.abc import Callable
from typing import Any

import numpy as np

from tfx_modules.serving.exceptions import InvalidRequestError
from tfx_modules.serving.specs import Array, Arrays

BYTES_SUFFIX = "_bytes"  # outputs with such names hold bytes, not text


PIECE = 2**12  # values that are written while other threads wait


def write_json(document: Any) -> bytes:
    """Serialise; NaN and Infinity are written as such, bytes that are not UTF-8 as they are."""
    return _written(document).encode("utf-8", "surrogateescape")


def _written(value: Any) -> str:
    """Return JSON; json.dumps would keep other threads waiting until all is written."""
    if isinstance(value, dict):
        return f"{{{','.join(f'{_dumped(key)}:{_written(element)}' for key, element in value.items())}}}"
    if isinstance(value, list) and value and isinstance(value[0], list | dict):
        return f"[{','.join(map(_written, value))}]"
    if isinstance(value, list) and len(value) > PIECE:
        return f"[{','.join(_dumped(value[n : n + PIECE])[1:-1] for n in range(0, len(value), PIECE))}]"
    return _dumped(value)


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def write_outputs(outputs: Arrays, *, rows: bool) -> bytes:
    """Write a response: ``predictions`` with one element per row, or ``outputs`` with one tensor per output.

    The name is left out where there is only one output.

    Raises:
        InvalidRequestError: rows are wanted and the outputs do not have one value per row, or JSON has no form for
            a type.
    """
    if not outputs:
        raise InvalidRequestError("Cannot convert empty tensor map to JSON; the signature has no outputs")
    return write_json({"predictions": _rows(outputs)} if rows else {"outputs": _columns(outputs)})


def _rows(outputs: Arrays) -> list[Any]:
    sizes = {name: array.shape[:1] for name, array in outputs.items()}
    if len(set(sizes.values())) != 1 or () in sizes.values():
        raise InvalidRequestError(
            f"the outputs differ in their first dimension ({sizes}); send 'inputs' to get them by column"
        )
    columns = {name: listed(name, array) for name, array in outputs.items()}
    if len(columns) == 1:
        (only,) = columns.values()
        return list(only)
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _columns(outputs: Arrays) -> Any:
    columns = {name: listed(name, array) for name, array in outputs.items()}
    return columns if len(columns) > 1 else next(iter(columns.values()))


def listed(name: str, array: Array) -> Any:
    """Return an array as nested lists that JSON can carry.

    Raises:
        InvalidRequestError: JSON has no form for its type.
    """
    if array.dtype == np.object_:
        return _nested(array.tolist(), _encoded if name.endswith(BYTES_SUFFIX) else _text)
    if array.dtype in (np.float32, np.float16):
        # The shortest decimal that stands for the number: 0.2, not 0.20000000298023224.
        return _shortest(array.ravel()).reshape(array.shape).tolist()
    if array.dtype.kind in "biuf":
        return array.tolist()
    raise InvalidRequestError(f"output {name!r} is {array.dtype}, which JSON cannot carry; use gRPC")


def _shortest(flat: Array) -> Array:
    pieces = [flat[n : n + PIECE].astype(str).astype(np.float64) for n in range(0, len(flat), PIECE)]
    return np.concatenate(pieces) if pieces else flat.astype(np.float64)


def _nested(value: Any, convert: Callable[[bytes], Any]) -> Any:
    if isinstance(value, list):
        return [_nested(element, convert) for element in value]
    return convert(value)


def _encoded(value: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(value).decode("ascii")}


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")
