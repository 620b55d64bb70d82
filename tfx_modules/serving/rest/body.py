"""Reads a request's body, and decompresses ``Content-Encoding: gzip``."""

import zlib

from starlette.requests import Request

from tfx_modules.serving.exceptions import InvalidRequestError
from tfx_modules.serving.inference.dataplane import DataPlane

# What a compressed body may become. TensorFlow Serving has a bound too (gzip_zlib.h), and 400 for what is beyond it.
MAX_UNCOMPRESSED_BYTES = 100 * 1024 * 1024
_MAX_RATIO = 1032  # of deflate: no more bytes than that come out of one
_GZIP = 16 + zlib.MAX_WBITS


async def read_body(data_plane: DataPlane, request: Request) -> bytes:
    """Return the body, decompressed.

    Raises:
        InvalidRequestError: another encoding than gzip, damaged, or larger than ``MAX_UNCOMPRESSED_BYTES``.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in _ENCODINGS:
        raise InvalidRequestError(f"Content-Encoding {encoding!r} is not supported; allowed: gzip, or none")
    body = await request.body()
    if encoding in ("", "identity"):
        return body
    return await data_plane.convert(len(body) * _MAX_RATIO, uncompress, body)


_ENCODINGS = frozenset({"", "identity", "gzip", "x-gzip"})


def uncompress(body: bytes, *, limit: int = MAX_UNCOMPRESSED_BYTES) -> bytes:
    """Undo gzip, never taking more memory than the limit.

    Args:
        body: one or more gzip members.
        limit: bytes that may come out.

    Raises:
        InvalidRequestError: not gzip, cut off, or larger than the limit.
    """
    parts: list[bytes] = []
    left = limit
    while body or not parts:
        decompressor = zlib.decompressobj(_GZIP)
        try:
            part = decompressor.decompress(body, left + 1)  # a length of 0 would be no limit
        except zlib.error as error:
            raise InvalidRequestError(f"the body is not valid gzip: {error}") from error
        if len(part) > left:
            raise InvalidRequestError(f"the body is more than {limit} bytes when uncompressed; send fewer at once")
        if not decompressor.eof:
            raise InvalidRequestError("the gzip body is cut off before its end")
        parts.append(part)
        left -= len(part)
        body = decompressor.unused_data
    return b"".join(parts)
