"""Reads what arrives on a connection in pieces, so that the event loop gets to others between them."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

PIECE = 16 * 1024  # bytes
LINES = 40  # in a piece: each chunk has two, and parsing one takes as long as reading some kilobytes of a large one


class PiecemealProtocol(H11Protocol):
    """uvicorn's protocol, which would parse a body in thousands of tiny chunks in one go."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._waiting = bytearray()
        self._next: asyncio.Handle | None = None

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request; of many, a piece now and the next when the loop comes back."""
        self._waiting += data
        if self._next is not None or not self._waiting:
            return
        piece = bytes(self._waiting[:PIECE])
        lines = piece.split(b"\n", LINES)
        if len(lines) > LINES:
            piece = piece[: len(piece) - len(lines[-1])]
        del self._waiting[: len(piece)]
        if self._waiting:
            self._next = self.loop.call_soon(self._go_on)
            self.transport.pause_reading()
        super().data_received(piece)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what has not been read."""
        self._waiting.clear()
        super().connection_lost(exc)

    def _go_on(self) -> None:
        self._next = None
        self.data_received(b"")
        # uvicorn pauses, too, while the application has not taken the body.
        if not self._waiting and not self.flow.read_paused and not self.transport.is_closing():
            self.transport.resume_reading()
