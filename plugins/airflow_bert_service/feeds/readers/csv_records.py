"""Splits a stream of bytes into the records of a CSV file (RFC 4180), also when the bytes are malformed.

The grammar is that of Python's csv module where it is strict. A record ends where its line ends outside of quotes, so a
line break inside of quotes never begins a row: otherwise a review's text could pose as rows. Where no record can begin,
the line is one bad row, and reading goes on with the line below it: a quote that is never closed costs one row. That
takes reading lines again, which are kept in memory up to the longest record, and beyond that on the disk.

A block whose records are all in order is left to the csv module. Otherwise each record's end is found first.
"""

import codecs
import csv
import io
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from typing import IO, Protocol

from airflow_bert_service.feeds.readers.csv_grammar import MORE_COLUMNS, Grammar, MalformedError
from airflow_bert_service.feeds.readers.rows import Reason

BLOCK = 1 << 18
"""Bytes that are read at once."""
LONGEST_RECORD = 1 << 20
"""Bytes. A longer record can be no review, and must not fill the memory."""


class Readable(Protocol):
    """An open file, as far as the reader uses it."""

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes, ``size`` at most; none at the end of the file."""


class _Below:
    """Keeps the lines below a record's first one on disk, to read them again if the record is malformed."""

    def __init__(self) -> None:
        self.file: IO[bytes] | None = None
        """The lines; None: the first line has not ended."""

    def add(self, data: bytes) -> None:
        """Add the record's next bytes."""
        if self.file is None:
            first = data.find(b"\n")
            if first < 0:
                return
            self.file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with this
            data = data[first + 1 :]
        self.file.write(data)

    def __enter__(self) -> "_Below":
        return self

    def __exit__(self, *_: object) -> None:
        if self.file is not None:
            self.file.close()


class _Tape:
    """A stream that read bytes can be pushed back to."""

    def __init__(self, handle: Readable) -> None:
        self._handle = handle
        self._given_back: list[IO[bytes]] = []

    def read(self) -> bytes:
        while self._given_back:
            if block := self._given_back[-1].read(BLOCK):
                return block
            self._given_back.pop().close()
        return self._handle.read(BLOCK)

    def give_back(self, file: IO[bytes]) -> None:
        self._given_back.append(file)

    def close(self) -> None:
        for file in self._given_back:
            file.close()


class CsvRecords:
    """Yields the records of one file, in order. It reads the file once, from its position, and leaves it open.

    Args:
        handle: The open file.
    """

    def __init__(self, handle: Readable) -> None:
        self._tape = _Tape(handle)
        self._buffer = b""
        self._line_is_open = False
        self._most_columns: int | None = None

    def header(self) -> list[str] | Reason | None:
        """Read the first record; None: there is none. A byte order mark before it is ignored."""
        self._fill()
        self._buffer = self._buffer.removeprefix(codecs.BOM_UTF8)
        for record in self._carefully(1):
            if not isinstance(record, Reason):
                self._most_columns = len(record) + MORE_COLUMNS
            return record
        return None

    def records(self) -> Iterator[list[str] | Reason]:
        """Yield the records below the header; empty lines are no records.

        Yields:
            The values, or why there are none. Bytes that are no UTF-8 are surrogates in the values.
        """
        try:
            while (more := self._fill()) or self._buffer:
                cut = _closed_part(self._buffer)
                if (rows := self._quickly(self._buffer[:cut])) is not None:
                    self._buffer = self._buffer[cut:]
                    yield from filter(None, rows)
                elif cut or not more or len(self._buffer) > LONGEST_RECORD:
                    yield from self._carefully()
        finally:
            self._tape.close()

    def _fill(self) -> bool:
        block = self._tape.read()
        if not block and self._line_is_open:
            block = b"\n"  # the last line of the file may lack its end
        if block:
            self._line_is_open = not block.endswith(b"\n")
            self._buffer += block
        return bool(block)

    def _fill_or_fail(self) -> None:
        if not self._fill():
            raise MalformedError

    def _quickly(self, block: bytes) -> list[list[str]] | None:
        """Parse whole lines with the csv module; None: a record in them is malformed."""
        if not block:
            return None
        try:
            rows = list(csv.reader(io.StringIO(block.decode(), newline="\n"), strict=True))
        except (UnicodeDecodeError, csv.Error):
            return None
        if self._most_columns and len(rows) != block.count(b"\n") and max(map(len, rows)) > self._most_columns:
            return None
        return rows

    def _carefully(self, most: int | None = None) -> Iterator[list[str] | Reason]:
        """Yield the records that begin in the buffer, up to the first one that does not end in it."""
        at, made, size = 0, 0, len(self._buffer)
        try:
            while at < size == len(self._buffer) and made != most:
                record, at = self._next(at)
                if record:
                    made += 1
                    yield record
        finally:
            self._buffer = self._buffer[at:]

    def _next(self, at: int) -> tuple[list[str] | Reason, int]:
        """Return the record at an offset of the buffer, and the offset of the next one."""
        grammar = Grammar(self._most_columns)
        try:
            end = self._end(grammar, at)
        except MalformedError:
            return grammar.fault, self._line_below(at)
        if end is None:
            return self._skip_long(grammar, at)
        return _values(self._buffer[at:end]), end

    def _end(self, grammar: Grammar, at: int) -> int | None:
        done = at
        while (end := grammar.end_in(self._buffer, done)) is None:
            done = len(self._buffer)
            if done - at > LONGEST_RECORD:
                return None
            self._fill_or_fail()
        return end

    def _line_below(self, at: int) -> int:
        while (end := self._buffer.find(b"\n", at)) < 0:
            self._buffer, at = b"", 0
            if not self._fill():
                return 0
        return end + 1

    def _skip_long(self, grammar: Grammar, at: int) -> tuple[Reason, int]:
        with ExitStack() as stack:
            below = stack.enter_context(_Below())
            below.add(self._buffer[at:])
            try:
                end = None
                while end is None:
                    self._buffer = b""
                    self._fill_or_fail()
                    below.add(self._buffer)
                    end = grammar.end_in(self._buffer, 0)
            except MalformedError:
                stack.pop_all()  # the tape closes it
                return grammar.fault, self._read_again(below)
            return Reason.TOO_LONG, end

    def _read_again(self, below: "_Below") -> int:
        if below.file is None:  # the record's first line has not ended yet
            return self._line_below(0)
        below.file.seek(0)
        self._tape.give_back(below.file)
        self._buffer = b""
        return 0


def _closed_part(buffer: bytes) -> int:
    """Return the end of the last line at which all quotes are closed, judging by their number."""
    end = buffer.rfind(b"\n") + 1
    is_open = buffer.count(b'"', 0, end) % 2
    while is_open:
        start = buffer.rfind(b"\n", 0, end - 1) + 1
        is_open ^= buffer.count(b'"', start, end) % 2
        end = start
    return end


def _values(record: bytes) -> list[str] | Reason:
    text = record.decode(errors="surrogateescape")
    try:
        return next(csv.reader([text], strict=True))
    except csv.Error:  # the record is in order, so a value is longer than csv.field_size_limit()
        return Reason.TOO_LONG
