"""Serialises writing requests to Airflow's API server, where its database is SQLite."""

import asyncio
import json
from typing import TYPE_CHECKING

from airflow.configuration import conf

from airflow_bert_service.exceptions import RequestRefusedError
from airflow_bert_service.settings.reading.naming import SECTION
from airflow_bert_service.webui.report_files import URL_PREFIX
from airflow_bert_service.webui.request_body import BodyReader

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from airflow_bert_service.settings.settings import WriteSettings

MOST_BUFFERED = 8 << 20
"""Bytes of an answer that are kept back while the request is carried out; a longer one is sent as it comes."""
_RETRY_SECONDS = 5
_UNAVAILABLE = 503
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class WriteSerializingMiddleware:
    """Lets one request that may write through at a time, because SQLite allows one writer at a time.

    The API server writes an audit log to its database, from its event loop. While another request has written and not
    yet committed, that write waits for SQLite's lock, and the other request waits for the event loop: the API server
    hangs until SQLite gives up (docs/decisions/0022-one-writing-request.md). Without SQLite, and where the setting
    ``serialize_writes`` is ``false``, requests are not serialised.

    Requests to this plugin's own pages are not serialised: they write nothing to Airflow's database, and a rollback
    waits for model servers.

    A client cannot hold the others up: its request's body is read before its turn, and its answer is sent after it.

    Args:
        app: The API server (ASGI).
    """

    def __init__(self, app: "ASGIApp") -> None:
        self._app = app
        self._turns = _Turns(_settings()) if _is_wanted() else None

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer a request (ASGI)."""
        if self._turns is None or scope["type"] != "http" or scope["method"] in _READING or _is_ours(scope):
            await self._app(scope, receive, send)
        else:
            await self._turns.answer(self._app, scope, receive, send)


class _Turns:
    """The order of the requests: each has its turn from its body's end to its commit."""

    def __init__(self, settings: "WriteSettings") -> None:
        self._seconds = settings.write_lock_timeout
        self._bodies = BodyReader(most_bytes=settings.write_body_bytes, seconds=settings.write_body_timeout)
        self._lock = asyncio.Lock()

    async def answer(self, app: "ASGIApp", scope: "Scope", receive: "Receive", send: "Send") -> None:
        turn = _Turn(self._lock, send)
        try:
            with self._bodies.request() as body:
                if await body.read(scope, receive):
                    await self._carry_out(turn, app, scope, body.replayed(receive))
        except RequestRefusedError as refused:
            await _refuse(send, refused)
        finally:
            await turn.send_answer()

    async def _carry_out(self, turn: "_Turn", app: "ASGIApp", scope: "Scope", receive: "Receive") -> None:
        await turn.begin(self._seconds)
        try:
            await app(scope, receive, turn.keep)
        finally:
            turn.end()


class _Turn:
    """A request's turn. What answers it is kept until the turn has ended: a client may take its time to read it."""

    def __init__(self, lock: asyncio.Lock, send: "Send") -> None:
        self._lock = lock
        self._send = send
        self._answer: list[Message] = []
        self._bytes = 0
        self._is_on = False

    async def begin(self, seconds: float) -> None:
        """Wait for the turn.

        Raises:
            RequestRefusedError: It does not come in time.
        """
        try:
            async with asyncio.timeout(seconds):
                await self._lock.acquire()
        except TimeoutError:
            raise RequestRefusedError(
                _UNAVAILABLE,
                f"Other requests that write took longer than {seconds:g} s; this one was not carried out. Send it "
                "again. Where it happens often, use PostgreSQL for Airflow's database.",
            ) from None
        self._is_on = True

    async def keep(self, message: "Message") -> None:
        """Take a message of the answer (ASGI's ``send``)."""
        self._answer.append(message)
        self._bytes += len(message.get("body", b""))
        if self._bytes > MOST_BUFFERED:
            self.end()
        if not self._is_on:
            await self.send_answer()

    def end(self) -> None:
        """Let the next request through."""
        if self._is_on:
            self._is_on = False
            self._lock.release()

    async def send_answer(self) -> None:
        """Send what was kept."""
        messages, self._answer = self._answer, []
        for message in messages:
            await self._send(message)


async def _refuse(send: "Send", refused: RequestRefusedError) -> None:
    content = json.dumps({"detail": str(refused)}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
        (b"connection", b"close"),  # what is left of a body would be taken for the next request
    ]
    if refused.status == _UNAVAILABLE:
        headers.append((b"retry-after", str(_RETRY_SECONDS).encode()))
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _is_ours(scope: "Scope") -> bool:
    path = str(scope["path"]).removeprefix(str(scope.get("root_path", "")))
    return path.startswith(f"{URL_PREFIX}/")


def _settings() -> "WriteSettings":
    # Imported here: Airflow loads plugins in every process, and only the API server needs these.
    from airflow_bert_service.settings.settings import write_settings_from

    return write_settings_from(lambda key: str(conf.get(SECTION, key, fallback="")))


def _is_wanted() -> bool:
    if not conf.get("database", "sql_alchemy_conn").startswith("sqlite"):
        return False
    return conf.get(SECTION, "serialize_writes", fallback="").strip().lower() != "false"
