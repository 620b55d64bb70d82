"""Reads the form of *Try it*, within bounds of bytes and seconds."""

import asyncio
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TypeVar

from fastapi import HTTPException, Request, status
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from airflow_bert_service.exceptions import RequestRefusedError

MOST_BYTES = 192 << 10
"""The largest form: texts of the largest size in the field, a file of that size, and the rest."""
SECONDS = 30.0
LONGEST_VERSION = 100
VERSION = rf"[^\s/:?#%]{{0,{LONGEST_VERSION}}}"
"""What names a version in an address of the server: its number, or a label; empty: neither."""
LONGEST_COLUMN = 100
_TYPE = "multipart/form-data"
_MOST_FIELDS = 20
_WRONG = 422
_TOO_LARGE = 413


class TextForm(str, Enum):
    """How texts are written into the form's field."""

    ONE = "one"
    """All of it is one text."""
    LINES = "lines"
    """Each line is a text."""
    CSV = "csv"
    """Rows with commas, semicolons or tabs between their cells, below a row with the columns' names."""


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
    refused: RequestRefusedError | None = None
    """Why it is not asked, whatever else it has: a field is wrong, or the form is too large; None: it may be asked."""


Choice = TypeVar("Choice", bound=Enum)


async def read_try_form(request: Request) -> TryForm:
    """Return what a user asks (a dependency of FastAPI); what is wrong with it is in it, so that no text is lost.

    Raises:
        HTTPException: It is no form, or does not come in time, or is so large that its text is not known.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _TYPE:
        raise HTTPException(status.HTTP_415_UNSUPPORTED_MEDIA_TYPE, f"Send a form: {_TYPE}.")
    _check_charset(request)
    content, size = await _content(request)
    fields = await _parsed(request, content, size)
    try:
        return await _form(fields, content, size)
    finally:
        await fields.close()


def _check_charset(request: Request) -> None:
    # Starlette decodes fields by it, with any codec of Python's; `unicode_escape` makes halves of characters.
    _, options = parse_options_header(request.headers["content-type"])
    charset = options.get(b"charset", b"utf-8").decode("latin-1")
    if charset.lower() not in {"utf-8", "utf8"}:
        raise HTTPException(
            status.HTTP_415_UNSUPPORTED_MEDIA_TYPE,
            f"The form's charset is {charset[:40]!r}; allowed: utf-8. Send the form of the page Try it.",
        )


async def _content(request: Request) -> tuple[bytes, int]:
    """Return the body, up to its largest size, and the size that it has."""
    content, size = bytearray(), 0
    try:
        async with asyncio.timeout(SECONDS):
            async for part in request.stream():
                size += len(part)
                content += part[: MOST_BYTES - len(content)]
                # The rest is read and forgotten: browsers show no answer that comes before they have sent all.
    except TimeoutError:
        raise HTTPException(
            status.HTTP_408_REQUEST_TIMEOUT, f"The form did not come within {SECONDS:g} s. Send it again."
        ) from None
    return bytes(content), size


class _CutError(Exception):
    """The end of a form is missing."""


async def _parsed(request: Request, content: bytes, size: int) -> FormData:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield content
        if len(content) < size:
            raise _CutError  # has the parser close the file that it is in

    # In memory alone: Starlette writes larger files than this to the disk.
    parser = MultiPartParser(request.headers, stream(), max_files=1, max_fields=_MOST_FIELDS, max_part_size=MOST_BYTES)
    try:
        return await parser.parse()
    except _CutError:
        return FormData(parser.items)  # those that are complete
    except MultiPartException as error:
        raise HTTPException(
            status.HTTP_422_UNPROCESSABLE_CONTENT,
            f"The form cannot be read: {error.message} Send the one of the page Try it.",
        ) from None


async def _form(fields: FormData, content: bytes, size: int) -> TryForm:
    read = _Fields(fields)
    file = fields.get("file")
    is_cut = len(content) < size
    uploaded = await file.read() if isinstance(file, UploadFile) and not is_cut else b""
    form = TryForm(
        server=read.server(),
        version=read.version("version"),
        beside=read.version("beside"),
        form=read.one_of(TextForm, "form", TextForm.ONE),
        text=read.text("text").replace("\r\n", "\n"),
        column=read.column(),
        file=uploaded or None,
        words=read.text("do") == "words",
    )
    if is_cut:
        return replace(form, refused=_too_large(fields, size))
    if not _is_utf8(uploaded):
        read.problems.append("The file is not UTF-8. Save it as UTF-8, and choose it again.")
    elif not _is_utf8(content):
        read.problems.append("The form is not UTF-8. Send the one of the page Try it.")
    return replace(form, refused=RequestRefusedError(_WRONG, " ".join(read.problems)) if read.problems else None)


def _too_large(fields: FormData, size: int) -> RequestRefusedError:
    """Return the refusal of a form that is too large; raise it where the part that is known has no text."""
    reason = (
        f"The form has {size:,} bytes; allowed: {MOST_BYTES:,}. {{}} fewer texts. For many, use "
        "`bert-service client predict --file`, which takes any number."
    )
    if "text" not in fields:
        raise HTTPException(_TOO_LARGE, reason.format("Go back and ask about"))
    return RequestRefusedError(_TOO_LARGE, reason.format("Choose a file with"))


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


class _Fields:
    """Reads the fields of a form; what is wrong with them is gathered, and they are read as if they were empty.

    Args:
        fields: The fields.
    """

    def __init__(self, fields: FormData) -> None:
        self._fields = fields
        self.problems: list[str] = []

    def text(self, name: str) -> str:
        value = self._fields.get(name, "")
        if isinstance(value, str):
            return value
        self.problems.append(f"{name} is a file; allowed: a text.")
        return ""

    def server(self) -> int:
        value = self.text("server") or "0"
        if re.fullmatch(r"[0-9]{1,3}", value):
            return int(value)
        self.problems.append(f"server is {value[:40]!r}; allowed: the number of a model server, from 0.")
        return 0

    def version(self, name: str) -> str:
        """Return a version as it is, also a wrong one, to be corrected."""
        value = self.text(name).strip()
        if not re.fullmatch(VERSION, value) or not value.isprintable():
            self.problems.append(
                f"{name} is {value[:40]!r}; allowed: a version's number or a label, up to {LONGEST_VERSION} characters "
                "without blanks and without / : ? # %."
            )
        return value

    def column(self) -> str:
        value = self.text("column").strip()
        if len(value) > LONGEST_COLUMN:
            self.problems.append(f"column has {len(value)} characters; allowed: up to {LONGEST_COLUMN}.")
        return value

    def one_of(self, kind: type[Choice], name: str, otherwise: Choice) -> Choice:
        value = self.text(name) or otherwise.value
        try:
            return kind(value)
        except ValueError:
            allowed = ", ".join(str(one.value) for one in kind)
            self.problems.append(f"{name} is {value[:40]!r}; allowed: {allowed}.")
            return otherwise
