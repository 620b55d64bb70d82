"""A body in thousands of tiny chunks lets the event loop get to others."""

import asyncio

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from tfx_modules.serving.rest.connection.pieces import LINES, PIECE, PiecemealProtocol

CHUNKS = 50_000
HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    del scope
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message["body"]), message["more_body"]
    body = b"%d" % size
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


async def ask(sent: bytes) -> tuple[bytes, int]:
    """Return the answer, and how often the loop got to somebody else meanwhile."""
    config = uvicorn.Config(answer, log_config=None, access_log=False, lifespan="off", ws="none")
    config.load()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: PiecemealProtocol(config=config, server_state=ServerState(), app_state={}), "127.0.0.1", 0
    )
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(sent)
        counting = asyncio.create_task(others())
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        counting.cancel()
        body = await reader.readexactly(int(head.partition(b"content-length: ")[2].split(b"\r\n")[0]))
        writer.close()
    return body, turns


@pytest.mark.parametrize(
    ("sent", "size", "pieces"),
    [
        (HEAD + b"1\r\nx\r\n" * CHUNKS + b"0\r\n\r\n", CHUNKS, 2 * CHUNKS // LINES),
        (
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n" + b"x" * 5_000_000,
            5_000_000,
            5_000_000 // PIECE,
        ),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 3, 1),
    ],
)
def test_all_of_a_body_arrives_and_others_get_their_turns(sent: bytes, size: int, pieces: int) -> None:
    body, turns = asyncio.run(ask(sent))
    assert body == b"%d" % size
    assert turns >= pieces
