"""Reads texts from files, one at a time."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from tfx_modules.serving.exceptions import ClientError


def read_texts(path: Path, column: str) -> Iterator[str]:
    """Yield a file's texts.

    Args:
        path: ``.txt``: a text per line; ``.csv``: with a header; ``.jsonl``: an object per line. Blank lines are none.
        column: the CSV column, or the objects' key, that holds the text.

    Raises:
        ClientError: the file is of another kind, cannot be read, or lacks the column.
    """
    if path.suffix not in _READERS:
        raise ClientError(f"{path} is not a file of texts that can be read; give one of {', '.join(_READERS)}")
    try:
        # newline="": a quoted CSV field may hold line ends.
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _READERS[path.suffix](file, column)
    except OSError as error:
        raise ClientError(f"cannot read {path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ClientError(f"cannot read {path}: {error}; it must be UTF-8") from error
    except _RowError as error:
        raise ClientError(f"{path}: {error}") from error


class _RowError(ValueError):
    """What is wrong with a row."""


def _lines(file: TextIO, column: str) -> Iterator[str]:
    del column
    yield from (line.rstrip("\r\n") for line in file if line.strip())


def _csv_rows(file: TextIO, column: str) -> Iterator[str]:
    rows = csv.DictReader(file, strict=True)
    if column not in (rows.fieldnames or ()):
        raise _RowError(f"no column {column!r}; it has {', '.join(rows.fieldnames or ())}; choose with --column")
    for row in rows:
        if row[column] is None:
            raise _RowError(f"line {rows.line_num} has no {column!r}")
        yield row[column]


def _json_lines(file: TextIO, column: str) -> Iterator[str]:
    for number, line in enumerate(file, 1):
        if line.strip():
            yield _json_text(number, line, column)


def _json_text(number: int, line: str, column: str) -> str:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise _RowError(f"line {number} is not JSON: {error}") from error
    if not isinstance(row, dict) or not isinstance(row.get(column), str):
        raise _RowError(f"line {number} is not an object with a text in {column!r}; choose another with --column")
    return str(row[column])


_READERS: dict[str, Callable[[TextIO, str], Iterator[str]]] = {
    ".txt": _lines,
    ".csv": _csv_rows,
    ".jsonl": _json_lines,
}
