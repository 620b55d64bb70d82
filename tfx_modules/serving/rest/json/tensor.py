"""Converts nested JSON lists to an array of a signature's type, as TensorFlow Serving's ``json_tensor`` does."""

import base64
import binascii
import json
import math
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

from tfx_modules.serving.exceptions import InvalidRequestError
from tfx_modules.serving.specs import Array, TensorInfo, bytes_array

MAX_RANK = 32  # numpy's limit; a tensor of a real model has a handful
MAX_SHOWN = 120  # characters of a wrong value that an error message repeats

_INTEGERS: dict[str, type[np.integer[Any]]] = {
    "DT_INT8": np.int8,
    "DT_UINT8": np.uint8,
    "DT_INT16": np.int16,
    "DT_UINT16": np.uint16,
    "DT_INT32": np.int32,
    "DT_UINT32": np.uint32,
    "DT_INT64": np.int64,
    "DT_UINT64": np.uint64,
}
_FLOATS: dict[str, type[np.floating[Any]]] = {"DT_FLOAT": np.float32, "DT_DOUBLE": np.float64, "DT_HALF": np.float16}


def read_tensor(value: Any, info: TensorInfo, where: str) -> Array:
    """Convert nested lists; the first element of each list says how the others must be nested.

    Args:
        value: what the JSON holds.
        info: the input that it is for.
        where: how messages call the place in the request.

    Raises:
        InvalidRequestError: nesting or a value does not fit.
    """
    shape = tuple(islice(_shape(value), MAX_RANK + 1))
    if len(shape) > MAX_RANK:
        raise InvalidRequestError(f"{where}: lists are nested deeper than {MAX_RANK} levels")
    leaves = list(_leaves(value, shape, 0, where))
    if info.dtype == "DT_STRING":
        return bytes_array([read_bytes(leaf, where) for leaf in leaves], shape)
    if info.dtype == "DT_BOOL":
        return np.array([_boolean(leaf, where) for leaf in leaves], dtype=np.bool_).reshape(shape)
    if info.dtype in _INTEGERS:
        kind = _INTEGERS[info.dtype]
        return np.array([_integer(leaf, kind, where) for leaf in leaves], dtype=kind).reshape(shape)
    if info.dtype in _FLOATS:
        real = _FLOATS[info.dtype]
        return np.array([_real(leaf, real, where) for leaf in leaves], dtype=real).reshape(shape)
    raise InvalidRequestError(f"{where} is {info.dtype}, which JSON cannot carry; use gRPC")


def _shape(value: Any) -> Iterator[int]:
    while isinstance(value, list):
        yield len(value)
        if not value:
            return
        value = value[0]


def _leaves(value: Any, shape: tuple[int, ...], level: int, where: str) -> Iterator[Any]:
    if not isinstance(value, list):
        if level != len(shape):
            raise InvalidRequestError(f"{where}: {shown(value)} found at level {level}, expected a list")
        yield value
        return
    if level >= len(shape):
        raise InvalidRequestError(f"{where}: encountered list at unexpected level {level}, expected a value")
    if len(value) != shape[level]:
        raise InvalidRequestError(f"{where}: a list at level {level} has size {len(value)}, expected {shape[level]}")
    for element in value:
        yield from _leaves(element, shape, level + 1, where)


def read_bytes(value: Any, where: str) -> bytes:
    """Convert a string, or an object that stands for bytes.

    Raises:
        InvalidRequestError: it is neither, or damaged.
    """
    try:
        if isinstance(value, str):
            return value.encode("utf-8")
        if isinstance(value, dict) and is_base64(value):
            return _unbase64(value["b64"])
    except UnicodeEncodeError as error:
        raise InvalidRequestError(f"{where}: {shown(value)} has half of a surrogate pair") from error
    except (binascii.Error, ValueError) as error:
        raise InvalidRequestError(f"{where}: Unable to base64 decode {shown(value)}: {error}") from error
    raise _wrong_type(value, 'a string or {"b64": "..."}', where)


def _unbase64(text: str) -> bytes:
    """Decode with or without padding, in either alphabet, as TensorFlow Serving does."""
    plain = "".join(text.split()).rstrip("=").translate(str.maketrans("-_", "+/"))
    return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)


def _boolean(value: Any, where: str) -> bool:
    if isinstance(value, bool):
        return value
    raise _wrong_type(value, "true or false", where)


def _integer(value: Any, kind: type[np.integer[Any]], where: str) -> int:
    limits = np.iinfo(kind)
    if isinstance(value, int) and not isinstance(value, bool) and limits.min <= value <= limits.max:
        return value
    raise _wrong_type(value, f"an integer from {limits.min} to {limits.max}", where)


def _real(value: Any, kind: type[np.floating[Any]], where: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _wrong_type(value, "a number", where)
    exact = 2 ** (np.finfo(kind).nmant + 1)
    if isinstance(value, int) and abs(value) >= exact:
        raise InvalidRequestError(f"{where}: {shown(value)} loses digits as a {kind.__name__}; send it as a decimal")
    with np.errstate(over="ignore"):
        overflows = math.isfinite(value) and not np.isfinite(kind(value))
    if overflows:
        raise InvalidRequestError(f"{where}: {shown(value)} is beyond the range of a {kind.__name__}")
    return float(value)


def _wrong_type(value: Any, wanted: str, where: str) -> InvalidRequestError:
    return InvalidRequestError(f"JSON Value: {shown(value)} in {where} is not of expected type: {wanted}")


def is_base64(value: Mapping[str, Any]) -> bool:
    """Return whether an object stands for bytes: ``{"b64": "..."}`` and nothing else."""
    return set(value) == {"b64"} and isinstance(value["b64"], str)


def shown(value: Any) -> str:
    """Return JSON for a message, cut where it is long."""
    text = ""
    for piece in _pieces(value):
        text += piece
        if len(text) > MAX_SHOWN:
            return f"{text[:MAX_SHOWN]}..."
    return text


def _pieces(value: Any) -> Iterator[str]:
    """Yield JSON bit by bit, so that only what is shown is written."""
    if isinstance(value, str):
        yield json.dumps(value[: MAX_SHOWN + 1])
    elif isinstance(value, list):
        yield "["
        for index, element in enumerate(value):
            yield ", " if index else ""
            yield from _pieces(element)
        yield "]"
    elif isinstance(value, dict):
        yield "{"
        for index, (key, element) in enumerate(value.items()):
            yield ", " if index else ""
            yield from _pieces(key)
            yield ": "
            yield from _pieces(element)
        yield "}"
    else:
        yield json.dumps(value)
