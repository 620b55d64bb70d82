"""Readers of one CSV or JSON Lines file: a stream of bytes in, a stream of rows out.

Neither holds more than one row, and a bad row stops neither: it comes out with its ``problem``.
"""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from bert_service.exceptions import FeedError
from bert_service.feeds.rows import RawRow, Reason

LONGEST_LINE = 1 << 20
"""Bytes of a line that are read at once. A longer one can be no review, and must not fill the memory."""


class Lines(Protocol):
    """What is needed of an open file."""

    def readline(self, size: int = -1, /) -> bytes:
        """Return the next line with its end, ``size`` bytes of it at most; nothing at the end of the file."""


@dataclass(frozen=True)
class Columns:
    """Names of the columns, or keys, that hold a row's values."""

    id: str = "id"
    text: str = "review"
    sentiment: str = "sentiment"

    @property
    def names(self) -> tuple[str, str, str]:
        """All three."""
        return self.id, self.text, self.sentiment


def row_from(values: Mapping[str, object], columns: Columns, *, number: int, where: str) -> RawRow:
    """Take what is needed of a row's values by name.

    Args:
        values: The row. Other columns are passed over.
        columns: Names of those that are needed.
        number: The row's number within the delivery.
        where: Where the row stands, for people.
    """
    id_, text, sentiment = (values.get(name) for name in columns.names)
    problem = None if all(name in values for name in columns.names) else Reason.WRONG_COLUMNS
    # Bytes that are no UTF-8, and halves of pairs that JSON can spell, come as surrogates.
    if any(isinstance(value, str) and not _encodable(value) for value in (id_, text, sentiment)):
        problem = Reason.BAD_ENCODING
    return RawRow(number, "" if id_ is None else str(id_), text, sentiment, where, problem)


def read_csv_rows(handle: Lines, columns: Columns, *, where: str, start: int = 1) -> Iterator[RawRow]:
    """Yield the rows of a CSV file in UTF-8, with a header, values perhaps in double quotes.

    Args:
        handle: The open file. One without a byte has no rows.
        columns: Names of the columns that are needed, in any order and among others.
        where: The file's name, for people.
        start: Number of the first row.

    Raises:
        FeedError: The header lacks a column.
    """
    reader = csv.reader(_lines(handle), strict=True)
    try:
        header = next(reader, None)
    except csv.Error as error:
        raise FeedError(f"{where}: the header is no line of CSV: {error}. Correct the file.") from error
    if header is None:
        return
    if missing := [name for name in columns.names if name not in header]:
        raise FeedError(
            f"{where}: the columns are {', '.join(header)[:500]}; missing: {', '.join(missing)}. Correct the header, "
            "or set [bert_service] id_column, text_column and sentiment_column to the names that it has."
        )
    for offset, row in enumerate(_rows(reader)):
        place = f"{where}, row {offset + 1}"
        if isinstance(row, Reason):
            yield RawRow(start + offset, "", None, None, place, row)
            continue
        made = row_from(dict(zip(header, row, strict=False)), columns, number=start + offset, where=place)
        if len(row) != len(header) and made.problem is None:
            made = RawRow(made.number, made.id, made.text, made.sentiment, place, Reason.WRONG_COLUMNS)
        yield made


def read_json_rows(handle: Lines, columns: Columns, *, where: str, start: int = 1) -> Iterator[RawRow]:
    """Yield the rows of a JSON Lines file: an object a line, in UTF-8. Empty lines are passed over.

    Args and number as for :func:`read_csv_rows`; the keys are the columns.
    """
    number = start
    for line_number, line in enumerate(_whole_lines(handle), start=1):
        if isinstance(line, bytes) and not line.strip():
            continue
        place = f"{where}, line {line_number}"
        values = line if isinstance(line, Reason) else _object(line)
        if isinstance(values, Reason):
            yield RawRow(number, "", None, None, place, values)
        else:
            yield row_from(values, columns, number=number, where=place)
        number += 1


def _rows(reader: Iterator[list[str]]) -> Iterator[list[str] | Reason]:
    while (row := _row(reader)) is not None:
        if row:
            yield row


def _row(reader: Iterator[list[str]]) -> list[str] | Reason | None:
    try:
        return next(reader, None)
    except csv.Error as error:
        # The reader goes on with the next line. Its errors have no codes.
        return _REASONS.get(str(error).partition(" (")[0], Reason.WRONG_COLUMNS)


_REASONS = {"unexpected end of data": Reason.UNCLOSED_QUOTE, "field larger than field limit": Reason.TOO_LONG}


def _lines(handle: Lines) -> Iterator[str]:
    encoding = "utf-8-sig"  # a byte order mark can only stand at the beginning
    while line := handle.readline(LONGEST_LINE):
        yield line.decode(encoding, errors="surrogateescape")
        encoding = "utf-8"


def _whole_lines(handle: Lines) -> Iterator[bytes | Reason]:
    while line := handle.readline(LONGEST_LINE):
        if len(line) < LONGEST_LINE or line.endswith(b"\n"):
            yield line
            continue
        while (rest := handle.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
            pass
        yield Reason.TOO_LONG


def _object(line: bytes) -> dict[str, object] | Reason:
    try:
        value = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return Reason.BAD_ENCODING
    except (ValueError, RecursionError):  # not JSON; numbers too long; nested too deep
        return Reason.WRONG_COLUMNS
    return value if isinstance(value, dict) else Reason.WRONG_COLUMNS


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
