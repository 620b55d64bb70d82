"""Parses JSON without keeping other threads waiting.

The parser keeps the interpreter to itself until it is done, and every list or object that it makes may have the
garbage collector look at all those before. So what a body holds is counted first, in pieces, and nothing is collected
meanwhile.
"""

import gc
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tfx_modules.serving.exceptions import InvalidRequestError
from tfx_modules.serving.flags.request_flags import RequestFlags

PIECE = 2**20  # bytes that are looked at while other threads wait
SMALL = 2**16  # bytes of a body whose numbers may be as long as they like
MAX_DIGITS = 1000  # of a number; a double has 17

_SEPARATORS = b",:[{"
_OPENING = frozenset(b"[{")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_NO_BACKSLASH = re.compile(rb"[^\\]")


def parse_json(body: bytes, limits: RequestFlags) -> Any:
    """Return what a body holds.

    Args:
        body: JSON in UTF-8; also with NaN and Infinity.
        limits: how much it may hold.

    Raises:
        InvalidRequestError: it holds more, or is no JSON.
    """
    if not body.strip():
        raise InvalidRequestError("JSON Parse error: The document is empty")
    check_json(body, limits)
    try:
        text = body.decode("utf-8")
        if len(body) <= SMALL:
            return json.loads(text)
        with _no_collection():
            return json.loads(text, parse_int=_integer, parse_float=_decimal)
    except RecursionError as error:
        raise InvalidRequestError("JSON Parse error: nested too deeply") from error
    except ValueError as error:  # JSON, UTF-8, or a number of thousands of digits
        raise InvalidRequestError(f"JSON Parse error: {error}") from error


def check_json(body: bytes, limits: RequestFlags) -> None:
    """Check that a body holds no more than it may; does not check that it is JSON.

    Raises:
        InvalidRequestError: it holds more values, or is nested deeper.
    """
    most, depth = limits.max_request_values, limits.max_json_depth
    too_many = most and _count(body, _SEPARATORS) > most
    too_deep = depth and _count(body, bytes(_OPENING)) > depth
    if not too_many and not too_deep:
        return
    structure = _outside_of_strings(body, most)  # for a text may have commas, and brackets
    if most and _count(structure, _SEPARATORS) > most:
        raise _too_many(most)
    if depth and _depth(structure) > depth:
        raise InvalidRequestError(
            f"JSON Parse error: nested too deeply: more than {depth} lists and objects within each other "
            "(--max_json_depth); send less deep ones"
        )


def _too_many(most: int) -> InvalidRequestError:
    return InvalidRequestError(
        f"the JSON body has more than {most} values, keys and lists (--max_request_values); send fewer rows at a time, "
        "or numbers over gRPC"
    )


def _count(body: bytes, signs: bytes) -> int:
    pieces = range(0, len(body), PIECE)
    return sum(body.count(sign, begin, begin + PIECE) for begin in pieces for sign in signs)


def _outside_of_strings(body: bytes, most: int) -> bytes:
    """Return a body without its strings.

    Raises:
        InvalidRequestError: there are more than ``most`` strings, which is 0 for any number.
    """
    body = b"".join(_without_escapes(body))
    pieces: list[bytes] = []
    position = 0
    while (begin := body.find(b'"', position)) >= 0:
        pieces.append(body[position:begin])
        if most and len(pieces) > most + 1:
            raise _too_many(most)
        end = body.find(b'"', begin + 1)
        if end < 0:
            return b"".join(pieces)
        position = end + 1
    return b"".join([*pieces, body[position:]])


def _without_escapes(body: bytes) -> Iterator[bytes]:
    begin = 0
    while begin < len(body):
        after = _NO_BACKSLASH.search(body, begin + PIECE)  # no piece ends within an escape
        end = after.end() if after and body[begin + PIECE - 1] == ord("\\") else begin + PIECE
        yield body[begin:end].replace(rb"\\", b"").replace(rb"\"", b"")
        begin = end


def _depth(structure: bytes) -> int:
    deepest = depth = 0
    for sign in structure.translate(None, _NO_BRACKETS):
        depth += 1 if sign in _OPENING else -1
        deepest = max(deepest, depth)
    return deepest


def _integer(digits: str) -> int:
    _check_digits(digits)
    return int(digits)


def _decimal(digits: str) -> float:
    _check_digits(digits)
    return float(digits)


def _check_digits(digits: str) -> None:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number of {len(digits)} characters; at most {MAX_DIGITS} are read")


@contextmanager
def _no_collection() -> Iterator[None]:
    """Stop garbage collection until the last thread that asked for it is done."""
    with _parsing.lock:
        _parsing.threads += 1
        gc.disable()
    try:
        yield
    finally:
        with _parsing.lock:
            _parsing.threads -= 1
            if not _parsing.threads:
                gc.enable()


class _Parsing:
    """The threads that parse a large body now."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.threads = 0


_parsing = _Parsing()
