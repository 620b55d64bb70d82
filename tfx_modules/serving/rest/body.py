"""Reads a request's body, and decompresses ``Content-Encoding: gzip``."""

import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.requests import Request

from tfx_modules.serving.exceptions import InvalidRequestError
from tfx_modules.serving.inference.dataplane import DataPlane

PIECE = 2**16  # bytes of a compressed body that are undone at once
MAX_MEMBERS = 1000  # of gzip; one is what everybody sends
_UNLIMITED = 2**62
_MAX_RATIO = 1032  # of deflate: no more bytes than that come out of one
_GZIP = 16 + zlib.MAX_WBITS


@asynccontextmanager
async def read_body(data_plane: DataPlane, request: Request) -> AsyncIterator[bytes]:
    """Open the body, decompressed; the bytes that come out are under way for as long as the block lasts.

    Raises:
        InvalidRequestError: another encoding than gzip, damaged, or more than it may be (which is 400, as in TensorFlow
            Serving, and not 429).
        OverloadedError: too many bytes are under way.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in _ENCODINGS:
        raise InvalidRequestError(f"Content-Encoding {encoding!r} is not supported; allowed: gzip, or none")
    body = await request.body()
    if encoding in ("", "identity"):
        yield body
        return
    limit, possible = data_plane.limits.max_uncompressed_bytes, len(body) * _MAX_RATIO
    with data_plane.bytes_under_way.holding(min(possible, limit or possible)) as held:
        content = await data_plane.convert(possible, uncompress, body, limit=limit or None)
        held.resize(len(content))
        yield content


_ENCODINGS = frozenset({"", "identity", "gzip", "x-gzip"})


def uncompress(body: bytes, *, limit: int | None = None) -> bytes:
    """Undo gzip, never taking more memory than the limit.

    Args:
        body: one or more gzip members.
        limit: bytes that may come out; None = any number.

    Raises:
        InvalidRequestError: not gzip, cut off, larger than the limit, or in more than ``MAX_MEMBERS`` members.
    """
    parts: list[bytes] = []
    left = _UNLIMITED if limit is None else limit
    position = members = 0
    while position < len(body) or not members:
        members += 1
        if members > MAX_MEMBERS:
            raise InvalidRequestError(f"the body has more than {MAX_MEMBERS} gzip members; compress it as one")
        decompressor = zlib.decompressobj(_GZIP)
        while not decompressor.eof:
            # In pieces, for what a member leaves over is copied.
            piece = body[position : position + PIECE]
            if not piece:
                raise InvalidRequestError("the gzip body is cut off before its end")
            part = _decompressed(decompressor, piece, left + 1)
            if len(part) > left:
                raise InvalidRequestError(
                    f"the body is more than {limit} bytes when uncompressed; send fewer at once, or start the server "
                    "with a larger --max_uncompressed_bytes"
                )
            parts.append(part)
            left -= len(part)
            position += len(piece) - len(decompressor.unused_data)
    return b"".join(parts)


def _decompressed(decompressor: Any, piece: bytes, most: int) -> bytes:
    try:
        part: bytes = decompressor.decompress(piece, most)
    except zlib.error as error:
        raise InvalidRequestError(f"the body is not valid gzip: {error}") from error
    return part
