"""The limits around a REST application, with a tiny application inside."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message

from tfx_modules.serving.exceptions import DeadlineError, OverloadedError
from tfx_modules.serving.flags.operations_flags import LimitFlags
from tfx_modules.serving.rest.limits import LimitedApp
from tfx_modules.serving.security.admission import Admission, within


class Tiny:
    """Answers with the length of what it was sent, once it is let."""

    def __init__(self, **limits: int) -> None:
        self.may_answer = asyncio.Event()
        self.under_way = 0
        settings = LimitFlags(**limits)
        inner = Starlette(routes=[Route("/", self.answer, methods=["GET", "POST"])])
        admission = Admission(settings.max_concurrent_requests, settings.max_queued_requests)
        self.app = LimitedApp(inner, settings, admission)

    async def answer(self, request: Request) -> Response:
        body = await request.body()
        self.under_way += 1
        try:
            await self.may_answer.wait()
        finally:
            self.under_way -= 1
        return PlainTextResponse(str(len(body)))

    async def post(self, body: bytes = b"") -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://tiny") as client:
            return await client.post("/", content=body)


def run(scenario: Callable[[], Awaitable[Any]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 10))


def test_a_request_that_takes_too_long_is_ended() -> None:
    async def scenario() -> None:
        tiny = Tiny(rest_api_timeout_in_ms=50)
        response = await tiny.post()
        assert response.status_code == 504
        assert response.json()["error"].startswith("the request's time was over before it was answered")
        assert tiny.under_way == 0

    run(scenario)


def test_time_in_the_queue_counts() -> None:
    async def scenario() -> None:
        tiny = Tiny(rest_api_timeout_in_ms=100, max_concurrent_requests=1, max_queued_requests=5)
        responses = await asyncio.gather(*(tiny.post() for _ in range(3)))
        assert [response.status_code for response in responses] == [504, 504, 504]
        tiny.may_answer.set()
        assert (await tiny.post(b"abc")).text == "3"

    run(scenario)


@pytest.mark.parametrize("queued", [0, 2])
def test_what_does_not_fit_is_refused_and_the_rest_is_answered(queued: int) -> None:
    async def scenario() -> None:
        tiny = Tiny(max_concurrent_requests=3, max_queued_requests=queued)
        requests = [asyncio.create_task(tiny.post(b"abcd")) for _ in range(10)]
        while sum(request.done() for request in requests) < 10 - 3 - queued:
            await asyncio.sleep(0)
        assert tiny.under_way == 3
        tiny.may_answer.set()
        statuses = [response.status_code for response in await asyncio.gather(*requests)]
        assert sorted(statuses) == [200] * (3 + queued) + [429] * (7 - queued)

    run(scenario)


def test_a_client_that_leaves_ends_its_request() -> None:
    async def scenario() -> None:
        tiny = Tiny()
        sent: list[Message] = []
        left = asyncio.Event()
        parts: list[Message] = [{"type": "http.request", "body": b"abc", "more_body": False}]

        async def receive() -> Message:
            if parts:
                return parts.pop(0)
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/", "raw_path": b"/", "headers": [], "query_string": b""}
        request = asyncio.create_task(tiny.app(scope, receive, send))
        while not tiny.under_way:
            await asyncio.sleep(0)
        left.set()
        await request
        assert tiny.under_way == 0
        assert sent == []

    run(scenario)


def test_a_client_that_leaves_in_the_middle_of_a_request_takes_no_place() -> None:
    async def scenario() -> None:
        tiny = Tiny(max_concurrent_requests=1)
        messages: list[Message] = [
            {"type": "http.request", "body": b"abc", "more_body": True},
            {"type": "http.disconnect"},
        ]

        async def receive() -> Message:
            return messages.pop(0)

        async def send(message: Message) -> None:
            pytest.fail(f"nobody is there for {message}")

        scope = {"type": "http", "method": "POST", "path": "/", "raw_path": b"/", "headers": [], "query_string": b""}
        await tiny.app(scope, receive, send)
        tiny.may_answer.set()
        assert (await tiny.post()).status_code == 200

    run(scenario)


def test_whoever_is_cancelled_leaves_the_queue() -> None:
    async def scenario() -> None:
        admission = Admission(1, 1)

        async def wait() -> str:
            async with admission.place():
                return "in"

        async with admission.place():
            waiting = asyncio.create_task(wait())
            await asyncio.sleep(0)
            with pytest.raises(OverloadedError, match="answering 1 requests and 1 wait"):
                await wait()
            waiting.cancel()
            await asyncio.sleep(0)
            follower = asyncio.create_task(wait())
            await asyncio.sleep(0)
            with pytest.raises(OverloadedError):
                await wait()
        assert await follower == "in"
        assert await wait() == "in"

    run(scenario)


def test_without_a_deadline_there_is_all_the_time() -> None:
    async def scenario() -> None:
        assert await within(None, asyncio.sleep(0.01, "done")) == "done"
        with pytest.raises(DeadlineError, match="give it more, or ask less"):
            await within(0.01, asyncio.sleep(10))

    run(scenario)
