"""Speaks HTTP on one connection, with a deadline for each thing that the client has to do."""

import asyncio
import enum
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import h11
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.server import ServerState

from tfx_modules.serving.flags.connection_flags import ConnectionFlags
from tfx_modules.serving.rest.connection.pieces import PiecemealProtocol
from tfx_modules.serving.security.api_keys import ApiKeys
from tfx_modules.serving.security.connections import Connection, Connections

# For so many seconds after a refusal, what the client still sends is thrown away: it would see a reset and no answer.
LINGER_SECONDS = 1.0
KEEP_ALIVE_MARGIN = 1.0  # s that a connection stays open for longer than clients are told, so that they close it first


class Phase(enum.Enum):
    """What a connection waits for; the value is the reason by which an ended wait is counted."""

    HEAD = "head_timeout"  # a request's head, of which nothing or a part has come
    BODY = "body_timeout"  # the rest of a request's body
    ANSWER = "answer"  # this server
    TAKING = "answer_timeout"  # a client that does not read its answer
    IDLE = "idle"  # the next request
    CLOSING = "closing_timeout"  # the last bytes to be read, and the client's part of the farewell


@dataclass(frozen=True)
class ProtocolContext:
    """What all connections of the REST port share."""

    config: Config
    state: ServerState
    limits: ConnectionFlags
    connections: Connections
    keys: ApiKeys | None
    count_closed: Callable[[str], None]


class RestProtocol(PiecemealProtocol):
    """uvicorn's protocol, which by itself waits for ever once the first byte of a request has come."""

    def __init__(self, context: ProtocolContext, connection: Connection) -> None:
        super().__init__(context.config, context.state, {})
        self._connection = connection
        self._connections = context.connections
        self._keys = context.keys
        self._count_closed = context.count_closed
        limits = context.limits
        self._seconds = {
            Phase.HEAD: limits.rest_head_timeout_seconds,
            Phase.BODY: limits.rest_body_timeout_seconds,
            Phase.TAKING: limits.rest_body_timeout_seconds,
            Phase.IDLE: limits.rest_keep_alive_seconds + KEEP_ALIVE_MARGIN,
            Phase.CLOSING: limits.rest_body_timeout_seconds,
        }
        self._lost = False
        self._is_refused = False
        self._has_answered = False
        self._phase: Phase | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._answer = self.app
        self.app = self._answer_noted

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._connection.close = transport.abort
        self._look()

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request."""
        if not self._is_refused:
            super().data_received(data)
            self._look()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        self._has_answered = True
        super().on_response_complete()
        self._unset_keepalive_if_required()  # the deadlines here take its place
        self._look()

    def pause_writing(self) -> None:
        """Begin to wait for the client to read."""
        super().pause_writing()
        self._look()

    def resume_writing(self) -> None:
        """Go on after the client has read."""
        super().resume_writing()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        self._lost = True
        self._stop_timer()
        self._connections.remove(self._connection)

    async def _answer_noted(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the application answer, and note what the connection is worth."""
        if self._keys is not None and not self._connection.has_key:
            headers = Headers(scope=scope)
            self._connection.has_key = self._keys.has(headers.get("authorization", ""), headers.get("x-api-key", ""))
        try:
            await self._answer(scope, receive, send)
        finally:
            self.loop.call_soon(self._look)  # after uvicorn has closed the connection of an answer that is not whole

    def _look(self) -> None:
        """Find out what the connection waits for now; give it a new deadline where that is something else."""
        phase = self._find_phase()
        if self._lost or self._is_refused or phase is self._phase:
            return
        if self._phase is Phase.ANSWER:
            self._connection.ended()
        if phase is Phase.ANSWER:
            self._connection.began()
        self._phase = phase
        self._stop_timer()
        if phase is not Phase.ANSWER:
            self._timer = self.loop.call_later(self._seconds[phase], self._expire, phase)

    def _find_phase(self) -> Phase:
        if self.transport.is_closing():
            return Phase.CLOSING
        if self.flow.write_paused:
            return Phase.TAKING
        theirs = self.conn.their_state
        if theirs is h11.SEND_BODY:
            return Phase.ANSWER if self.flow.read_paused else Phase.BODY
        if theirs is not h11.IDLE:
            return Phase.ANSWER
        if self.conn.trailing_data[0] or not self._has_answered:
            return Phase.HEAD
        return Phase.IDLE

    def _expire(self, phase: Phase) -> None:
        self._count_closed(phase.value)
        if phase in (Phase.CLOSING, Phase.TAKING):
            self.transport.abort()
            return
        if phase is Phase.BODY or (phase is Phase.HEAD and self.conn.trailing_data[0]):
            self._refuse(f"the request was not complete after {self._seconds[phase]:g} s; send it faster, or less")
        if self._is_refused and self.transport.can_write_eof():
            self.transport.write_eof()
            self._timer = self.loop.call_later(LINGER_SECONDS, self.transport.abort)
        else:
            self.transport.close()
            self._look()

    def _refuse(self, message: str) -> None:
        """Answer with 408, unless the application has begun to answer."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        self._is_refused = True
        body = json.dumps({"error": message}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        events: list[Any] = [h11.Response(status_code=408, headers=headers, reason=b"Request Timeout")]
        for event in (*events, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event))
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
