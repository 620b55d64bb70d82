"""Finds the end of a CSV record (RFC 4180) in blocks of bytes, without keeping the blocks.

The grammar is that of Python's csv module where it is strict: a quote inside of an unquoted value is a character like
others, a value that begins with a quote ends with one, and nothing but a comma or the line's end follows that.
"""

import re
import sys
from collections.abc import Mapping

from airflow_bert_service.feeds.readers.rows import Reason

MORE_COLUMNS = 4
"""Columns beyond the header's from which on a record over several lines is not believed to be one. Without a limit,
lines like ``a","b`` would be read to the end of the file for each of them."""

_QUOTE, _COMMA, _FEED, _RETURN = b'",\n\r'
_START, _PLAIN, _QUOTED, _CLOSING, _LINE_END, _END, _NOWHERE = range(7)
_NEXT: Mapping[int, Mapping[int, int]] = {
    _START: {_QUOTE: _QUOTED, _COMMA: _START, _FEED: _END, _RETURN: _LINE_END},
    _PLAIN: {_COMMA: _START, _FEED: _END, _RETURN: _LINE_END},
    _QUOTED: {_QUOTE: _CLOSING},
    _CLOSING: {_QUOTE: _QUOTED, _COMMA: _START, _FEED: _END, _RETURN: _LINE_END},
    _LINE_END: {_FEED: _END, _RETURN: _LINE_END},
}
_OTHERWISE = {_START: _PLAIN, _CLOSING: _NOWHERE, _LINE_END: _NOWHERE}
# Possessive, so that nothing is kept for going back; Python 3.10 has no such form, and matches the same with more
# memory. A quote that is the last byte of a block is left to the table.
_HOLD = b"+" if sys.version_info >= (3, 11) else b""
_RUNS = {
    _PLAIN: re.compile(rb"[^,\r\n]*" + _HOLD),
    _QUOTED: re.compile(rb'(?:[^"]+' + _HOLD + rb'|"")*' + _HOLD),
}


class MalformedError(Exception):
    """The bytes are not the beginning of a CSV record."""


class Grammar:
    """Follows one record through any number of blocks, without keeping them."""

    def __init__(self, most_columns: int | None) -> None:
        self._most_columns = most_columns
        self._state = _START
        self._columns = 1
        self._several_lines = False

    @property
    def fault(self) -> Reason:
        """The reason why a malformed record is rejected."""
        return Reason.UNCLOSED_QUOTE if self._several_lines else Reason.WRONG_COLUMNS

    def end_in(self, data: bytes, at: int) -> int | None:
        """Find the record's end in the next block.

        Args:
            data: A block.
            at: Where in it to go on.

        Returns:
            Where the record ends; None: not in this block.

        Raises:
            MalformedError: The bytes are not a record.
        """
        while at < len(data):
            if run := _RUNS.get(self._state):
                at = self._skip(run, data, at)
                if at == len(data):
                    break
            byte = data[at]
            at += 1
            self._state = _NEXT[self._state].get(byte, _OTHERWISE.get(self._state, _NOWHERE))
            if self._state == _END:
                return at
            if self._state == _NOWHERE:
                raise MalformedError
            if byte == _COMMA:
                self._count_column()
        return None

    def _skip(self, run: re.Pattern[bytes], data: bytes, at: int) -> int:
        found = run.match(data, at)
        end = found.end() if found else at  # it always matches
        self._several_lines = self._several_lines or data.find(b"\n", at, end) >= 0
        return end

    def _count_column(self) -> None:
        self._columns += 1
        if self._several_lines and self._most_columns and self._columns > self._most_columns:
            raise MalformedError
