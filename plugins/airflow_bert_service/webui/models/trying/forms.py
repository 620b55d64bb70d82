"""Reads the form of *Try it*, within bounds of bytes and seconds."""

import asyncio
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

from fastapi import HTTPException, Request, status
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

MOST_BYTES = 192 << 10
"""The largest form: texts of the largest size in the field, a file of that size, and the rest."""
SECONDS = 30.0
LONGEST_VERSION = 100
VERSION = rf"[^\s/:?#%]{{0,{LONGEST_VERSION}}}"
"""What names a version in an address of the server: its number, or a label; empty: neither."""
LONGEST_COLUMN = 100
_TYPE = "multipart/form-data"
_MOST_FIELDS = 20


class TextForm(str, Enum):
    """How texts are written into the form's field."""

    ONE = "one"
    """All of it is one text."""
    LINES = "lines"
    """Each line is a text."""
    CSV = "csv"
    """Rows with commas between their cells, below a row with the columns' names."""


@dataclass(frozen=True, kw_only=True)
class TryForm:
    """What a user asks, as the form has it."""

    server: int = 0
    """Which of the model servers is asked; 0: the first one."""
    version: str = ""
    """A version's number, or a label; empty: the live version."""
    beside: str = ""
    """The same for a second version that is asked as well; empty: none is."""
    form: TextForm = TextForm.ONE
    text: str = field(default="", repr=False)
    column: str = ""
    """The column of the texts in CSV; empty: see :mod:`texts`."""
    file: bytes | None = field(default=None, repr=False)
    """A file with CSV, which is asked in place of the text; None: there is none."""
    words: bool = False
    """Whether to find out which words mattered."""


Choice = TypeVar("Choice", bound=Enum)


async def read_try_form(request: Request) -> TryForm:
    """Return what a user asks (a dependency of FastAPI).

    Raises:
        HTTPException: It is no form, or too large, or does not come in time, or a field is wrong.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _TYPE:
        raise HTTPException(status.HTTP_415_UNSUPPORTED_MEDIA_TYPE, f"Send a form: {_TYPE}.")
    fields = await _parsed(request, await _content(request))
    try:
        return await _form(fields)
    finally:
        await fields.close()


async def _content(request: Request) -> bytes:
    parts, size = [], 0
    try:
        async with asyncio.timeout(SECONDS):
            async for part in request.stream():
                size += len(part)
                if size <= MOST_BYTES:
                    parts.append(part)
                # The rest is read and forgotten: browsers show no answer that comes before they have sent all.
    except TimeoutError:
        raise HTTPException(
            status.HTTP_408_REQUEST_TIMEOUT, f"The form did not come within {SECONDS:g} s. Send it again."
        ) from None
    if size > MOST_BYTES:
        raise HTTPException(
            status.HTTP_413_CONTENT_TOO_LARGE,
            f"The form has {size:,} bytes; allowed: {MOST_BYTES:,}. Go back and ask about fewer texts. For many, use "
            "`bert-service client predict --file`, which takes any number.",
        )
    content = b"".join(parts)
    try:
        content.decode()
    except UnicodeDecodeError:
        raise _wrong("The form is not UTF-8. Go back, and save the file as UTF-8.") from None
    return content


async def _parsed(request: Request, content: bytes) -> FormData:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield content

    # In memory alone: Starlette writes larger files than this to the disk.
    parser = MultiPartParser(request.headers, stream(), max_files=1, max_fields=_MOST_FIELDS, max_part_size=MOST_BYTES)
    try:
        return await parser.parse()
    except MultiPartException as error:
        raise _wrong(f"The form cannot be read: {error.message} Send the one of the page Try it.") from None


async def _form(fields: FormData) -> TryForm:
    server = _text(fields, "server") or "0"
    if not re.fullmatch(r"[0-9]{1,3}", server):
        raise _wrong(f"server is {server[:40]!r}; allowed: the number of a model server, from 0.")
    file = fields.get("file")
    content = await file.read() if isinstance(file, UploadFile) else b""
    column = _text(fields, "column").strip()
    if len(column) > LONGEST_COLUMN:
        raise _wrong(f"column has {len(column)} characters; allowed: up to {LONGEST_COLUMN}.")
    return TryForm(
        server=int(server),
        version=_version(fields, "version"),
        beside=_version(fields, "beside"),
        form=_one_of(TextForm, _text(fields, "form") or TextForm.ONE.value),
        text=_text(fields, "text").replace("\r\n", "\n"),
        column=column,
        file=content or None,
        words=_text(fields, "do") == "words",
    )


def _text(fields: FormData, name: str) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise _wrong(f"{name} is a file; allowed: a text.")
    return value


def _version(fields: FormData, name: str) -> str:
    value = _text(fields, name).strip()
    if not re.fullmatch(VERSION, value) or not value.isprintable():
        raise _wrong(
            f"{name} is {value[:40]!r}; allowed: a version's number or a label, up to {LONGEST_VERSION} characters "
            "without blanks and without / : ? # %."
        )
    return value


def _one_of(kind: type[Choice], value: str) -> Choice:
    try:
        return kind(value)
    except ValueError:
        allowed = ", ".join(str(one.value) for one in kind)
        raise _wrong(f"form is {value[:40]!r}; allowed: {allowed}.") from None


def _wrong(reason: str) -> HTTPException:
    return HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, reason)
