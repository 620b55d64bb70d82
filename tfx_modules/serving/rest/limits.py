"""Limits REST requests: their size, number and time; cancels those of clients that disconnect."""

import asyncio
import contextlib

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tfx_modules.serving.exceptions import OverloadedError, RequestError
from tfx_modules.serving.flags.operations_flags import LimitFlags
from tfx_modules.serving.rest.refusal import send_refusal
from tfx_modules.serving.security.admission import Admission, within
from tfx_modules.serving.security.bytes_under_way import BytesUnderWay, Holding

# Of a request that is too large, this much more is read and thrown away: a client that is still sending when the
# connection closes would see that, and not the answer.
LINGER_BYTES = 64 * 1024 * 1024
LINGER_SECONDS = 5.0


class LimitedApp:
    """Reads a request before it is admitted, so that slow senders take no slot; only inference requests need one."""

    def __init__(
        self,
        app: ASGIApp,
        limits: LimitFlags,
        admission: Admission,
        bytes_under_way: BytesUnderWay | None = None,
    ) -> None:
        self._app = app
        self._max_bytes = limits.max_request_bytes
        self._seconds = limits.rest_api_timeout_in_ms / 1000
        self._admission = admission
        self._bytes_under_way = BytesUnderWay() if bytes_under_way is None else bytes_under_way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        response = _Response(send)
        try:
            with self._bytes_under_way.holding() as held:
                body = await _read(receive, self._max_bytes, held)
                if body is not None:
                    await self._answer(scope, body, receive, response)
        except RequestError as error:
            if not response.begun:  # else the connection is closed in the middle of the response
                await send_refusal(error, send)

    async def _answer(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        gone = asyncio.Event()
        work = asyncio.create_task(within(self._seconds, self._compute(scope, _Replay(body, gone), send)))
        watch = asyncio.create_task(_wait_for_the_end(receive, gone))
        try:
            await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            for task in (work, watch):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, RequestError):
                    await task

    async def _compute(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._admission.place():
            await self._app(scope, receive, send)


class _Response:
    """Passes a response on, and knows whether it has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    async def __call__(self, message: Message) -> None:
        self.begun = True
        await self._send(message)


class _Replay:
    """Replays a body that was read to the application, and reports when the client has disconnected."""

    def __init__(self, body: bytes, gone: asyncio.Event) -> None:
        self._body: bytes | None = body
        self._gone = gone

    async def __call__(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}


async def _wait_for_the_end(receive: Receive, gone: asyncio.Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    gone.set()


async def _read(receive: Receive, max_bytes: int, held: Holding) -> bytes | None:
    """Return the body; None when its sender went away before it was complete."""
    chunks: list[bytes] = []
    size = 0
    parts = _Chunks(receive)
    async for chunk in parts:
        if chunk is None:
            return None
        size += len(chunk)
        if max_bytes and size > max_bytes:
            await _linger(parts)
            raise OverloadedError(
                f"the request has more than {max_bytes} bytes (--max_request_bytes); send fewer rows at a time"
            )
        try:
            held.resize(size)
        except OverloadedError:
            chunks.clear()
            await _linger(parts)
            raise
        chunks.append(chunk)
    return b"".join(chunks)


class _Chunks:
    """A body's parts as they arrive; None stands for a sender who went away."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._more = True

    def __aiter__(self) -> "_Chunks":
        return self

    async def __anext__(self) -> bytes | None:
        if not self._more:
            raise StopAsyncIteration
        message = await self._receive()
        self._more = message.get("more_body", False)
        return None if message["type"] == "http.disconnect" else message.get("body", b"")


async def _linger(parts: _Chunks) -> None:
    async def discard() -> None:
        thrown_away = 0
        async for chunk in parts:
            thrown_away += len(chunk or b"")
            if thrown_away > LINGER_BYTES:
                return

    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(discard(), LINGER_SECONDS)
