"""Counts what a serialised message holds, before it is parsed.

The parser keeps the interpreter to itself until it is done, and a message of two bytes each becomes an object of a
hundred. This loop lets other threads in, and stops at a limit. Source of the format:
https://protobuf.dev/programming-guides/encoding/.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from tfx_modules.serving.exceptions import InvalidRequestError
from tfx_modules.serving.flags.request_flags import RequestFlags

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_WIDTHS = {
    FieldDescriptor.TYPE_DOUBLE: 8,
    FieldDescriptor.TYPE_FIXED64: 8,
    FieldDescriptor.TYPE_SFIXED64: 8,
    FieldDescriptor.TYPE_FLOAT: 4,
    FieldDescriptor.TYPE_FIXED32: 4,
    FieldDescriptor.TYPE_SFIXED32: 4,
}
_OPAQUE = (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES)
_MOST_VARINT_BYTES = 10


@dataclass(frozen=True, eq=False)
class _Form:
    """The fields of a message that hold more than themselves, by their numbers."""

    messages: dict[int, "_Form"] = field(default_factory=dict)
    packed: dict[int, int] = field(default_factory=dict)
    """Bytes that a number takes at least."""


def check_message(content: bytes, descriptor: Descriptor, limits: RequestFlags) -> None:
    """Check that a message holds no more than it may.

    Args:
        content: serialised.
        descriptor: the message's.
        limits: how many values and numbers it may hold.

    Raises:
        InvalidRequestError: it holds more, or cannot be parsed.
    """
    values = numbers = position = 0
    open_messages = [(len(content), _form(descriptor))]
    while open_messages:
        end, form = open_messages[-1]
        if position >= end:
            open_messages.pop()
            continue
        tag, position = _varint(content, position, end)
        values += 1
        if limits.max_request_values and values > limits.max_request_values:
            raise InvalidRequestError(
                f"the message has more than {limits.max_request_values} strings, messages and fields "
                "(--max_request_values); send fewer rows at a time, or numbers as tensor_content"
            )
        size, position = _content(content, tag & 7, position, end)
        number = tag >> 3
        if tag & 7 == _LENGTH and number in form.messages:
            open_messages.append((position + size, form.messages[number]))
            continue
        if tag & 7 == _LENGTH and number in form.packed:
            numbers += size // form.packed[number]
            if limits.max_request_numbers and numbers > limits.max_request_numbers:
                raise InvalidRequestError(
                    f"the message has more than {limits.max_request_numbers} numbers in lists "
                    "(--max_request_numbers); send fewer rows at a time, or numbers as tensor_content"
                )
        position += size


def _varint(content: bytes, position: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while position < end and shift < _MOST_VARINT_BYTES * 7:
        byte = content[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise _damaged(position)


def _content(content: bytes, kind: int, position: int, end: int) -> tuple[int, int]:
    """Return how many bytes a field still has, and where they begin."""
    size = 0
    if kind == _LENGTH:
        size, position = _varint(content, position, end)
    elif kind == _VARINT:
        _, position = _varint(content, position, end)
    elif kind in _FIXED:
        size = _FIXED[kind]
    else:  # groups, which TensorFlow Serving's messages do not have
        raise _damaged(position)
    if position + size > end:
        raise _damaged(position)
    return size, position


_FIXED: Mapping[int, int] = {_FIXED64: 8, _FIXED32: 4}


def _damaged(position: int) -> InvalidRequestError:
    return InvalidRequestError(f"the message cannot be parsed: it is damaged near byte {position}")


@cache
def _form(descriptor: Descriptor) -> _Form:
    made: dict[str, _Form] = {}

    def make(kind: Any) -> _Form:
        if kind.full_name not in made:
            form = made[kind.full_name] = _Form()
            for entry in kind.fields:
                if entry.message_type is not None:
                    form.messages[entry.number] = make(entry.message_type)
                elif entry.type not in _OPAQUE:
                    form.packed[entry.number] = _WIDTHS.get(entry.type, 1)
        return made[kind.full_name]

    return make(descriptor)
