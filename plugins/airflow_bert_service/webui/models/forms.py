"""Reads the forms of the pages, within bounds of bytes and seconds."""

import asyncio
from collections.abc import Mapping
from urllib.parse import parse_qsl

from fastapi import HTTPException, Request, status

LONGEST_REASON = 500
"""Characters of a reason: it is a line of the ledger, of messages and of a command."""
MOST_BYTES = 16 << 10
SECONDS = 30.0
_TYPE = "application/x-www-form-urlencoded"


async def read_form(request: Request) -> Mapping[str, str]:
    """Return a form's fields (a dependency of FastAPI); of several with one name, the last one.

    Raises:
        HTTPException: It is no form, or too large, or does not come in time.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _TYPE:
        raise HTTPException(status.HTTP_415_UNSUPPORTED_MEDIA_TYPE, f"Send a form: {_TYPE}.")
    content = b""
    try:
        async with asyncio.timeout(SECONDS):
            async for part in request.stream():
                content += part
                if len(content) > MOST_BYTES:
                    raise HTTPException(status.HTTP_413_CONTENT_TOO_LARGE, f"The form has over {MOST_BYTES} bytes.")
    except TimeoutError:
        raise HTTPException(
            status.HTTP_408_REQUEST_TIMEOUT, f"The form did not come within {SECONDS:g} s. Send it again."
        ) from None
    return dict(parse_qsl(content.decode("utf-8", "replace"), keep_blank_values=True))


def reason_in(fields: Mapping[str, str]) -> str:
    """Return the reason in a form, as one line.

    Raises:
        HTTPException: 422; there is none, or it is too long.
    """
    reason = " ".join(fields.get("reason", "").split())
    if not 0 < len(reason) <= LONGEST_REASON or not reason.isprintable():
        raise HTTPException(
            status.HTTP_422_UNPROCESSABLE_CONTENT,
            f"reason has {len(reason)} characters; allowed: 1 to {LONGEST_REASON} that can be printed. Say why, in one "
            "line.",
        )
    return reason


def number_in(fields: Mapping[str, str], name: str) -> int:
    """Return a whole number in a form.

    Raises:
        HTTPException: 422; there is none.
    """
    text = fields.get(name, "")
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise HTTPException(
            status.HTTP_422_UNPROCESSABLE_CONTENT,
            f"{name} is {text[:40]!r}; allowed: a whole number, like 2026110501. Choose one on the page.",
        )
    return int(text)
