"""Reads the bodies of requests, within bounds of bytes and seconds, before anything is held for the request."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_bert_service.exceptions import RequestRefusedError

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope

BODIES_TOGETHER = 8
"""As many of the largest bodies may be in memory at a time."""


class BodyReader:
    """Reads bodies of requests into memory. Knows nothing of what they hold.

    Args:
        most_bytes: The largest body.
        seconds: How long a client has to send one.
    """

    def __init__(self, *, most_bytes: int, seconds: float) -> None:
        self._most_bytes = most_bytes
        self._seconds = seconds
        self._held: dict[int, int] = {}  # bytes in memory by request

    @contextmanager
    def request(self) -> Iterator["RequestBody"]:
        """Give a request a place for its body, which is in memory until the block ends."""
        body = RequestBody(self)
        self._held[id(body)] = 0
        try:
            yield body
        finally:
            del self._held[id(body)]

    async def read(self, body: "RequestBody", scope: "Scope", receive: "Receive") -> bytes | None:
        """Read a request's body.

        Args:
            body: Its place.
            scope: The request's (ASGI).
            receive: Gives the request's messages (ASGI).

        Returns:
            All of it; None: the client has closed the connection.

        Raises:
            RequestRefusedError: It is too large, or did not come in time, or too many large ones are here already.
        """
        self._check_size(_announced(scope))
        parts = []
        try:
            async with asyncio.timeout(self._seconds):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        return None
                    part = message.get("body", b"")
                    self._add(body, len(part))
                    parts.append(part)
                    if not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError:
            raise RequestRefusedError(
                408,
                f"The request's body did not come within {self._seconds:g} s. Send it faster, or raise [bert_service] "
                "write_body_timeout.",
            ) from None

    def _add(self, body: "RequestBody", count: int) -> None:
        size = self._held[id(body)] + count
        self._check_size(size)
        together = self._most_bytes * BODIES_TOGETHER
        # Small ones are read whoever else is here; those who have most are the ones to come again.
        if sum(self._held.values()) + count > together and size > together // len(self._held):
            raise RequestRefusedError(503, "Other requests' bodies fill the memory that is for them. Send it again.")
        self._held[id(body)] = size

    def _check_size(self, size: int) -> None:
        if size > self._most_bytes:
            raise RequestRefusedError(
                413,
                f"The request's body has {size} bytes or more; allowed: {self._most_bytes}. Send less, or raise "
                "[bert_service] write_body_bytes.",
            )


class RequestBody:
    """The place of one request's body."""

    def __init__(self, reader: BodyReader) -> None:
        self._reader = reader
        self._content: bytes | None = None

    async def read(self, scope: "Scope", receive: "Receive") -> bool:
        """Read it to its end; raises as :meth:`BodyReader.read`.

        Returns:
            Whether it is complete; if not, the client has closed the connection.
        """
        self._content = await self._reader.read(self, scope, receive)
        return self._content is not None

    def replayed(self, receive: "Receive") -> "Receive":
        """Return what gives the body that was read, and then what comes after it: that the client has gone."""

        async def replay() -> "Message":
            content, self._content = self._content, None
            if content is None:
                return await receive()
            return {"type": "http.request", "body": content, "more_body": False}

        return replay


def _announced(scope: "Scope") -> int:
    """Return the size that the request's head names; 0 where it names none."""
    lengths = [value for name, value in scope["headers"] if name.lower() == b"content-length"]
    return int(lengths[0]) if lengths and lengths[0].isdigit() else 0
