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
    except UnicodeDecodeError as error:
        raise ClientError(f"cannot read {path}: {error}; it must be UTF-8") from error
    except _RowError as error:
        raise ClientError(f"{path}: {error}") from error


class _RowError(ValueError):
    """What is wrong with the header or a row; the first row below the header of a CSV file is row 1."""


def _lines(file: TextIO, column: str) -> Iterator[str]:
    del column
    yield from (line.rstrip("\r\n") for line in file if line.strip())


def _csv_rows(file: TextIO, column: str) -> Iterator[str]:
    rows = csv.reader(_without_nul(file), strict=True)
    number = 0
    try:
        header = next(rows, [])
        place = _place(column, header)
        for row in rows:
            if not row:
                continue
            number += 1
            if len(row) != len(header):
                raise _RowError(
                    f"row {number} has {len(row)} values, and the header has {len(header)} columns; a text with a "
                    "comma needs quotes around it"
                )
            yield row[place]
    except csv.Error as error:
        raise _RowError(
            f"row {number + 1} is no CSV: {error}; a quote within a quoted text is doubled, and a backslash does "
            "nothing"
        ) from error
    except _NulError as error:
        raise _RowError(f"row {number + 1} has the character NUL; take it out") from error


def _place(column: str, header: list[str]) -> int:
    if header.count(column) == 1:
        return header.index(column)
    names = ", ".join(name or "''" for name in header)
    if column in header:
        raise _RowError(f"column {column!r} is there {header.count(column)} times; the header is {names}; rename one")
    raise _RowError(f"no column {column!r}; it has {names}; choose with --column")


class _NulError(ValueError):
    """A line has the character NUL, which the csv module before Python 3.11 does not read."""


def _without_nul(file: TextIO) -> Iterator[str]:
    for line in file:
        if "\0" in line:
            raise _NulError
        yield line


def _json_lines(file: TextIO, column: str) -> Iterator[str]:
    for number, line in enumerate(file, 1):
        if line.strip():
            yield _json_text(number, line, column)


def _json_text(number: int, line: str, column: str) -> str:
    try:
        row = json.loads(line, object_pairs_hook=_unique)
    except _RowError as error:
        raise _RowError(f"line {number}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise _RowError(f"line {number} is not JSON: {error}") from error
    if not isinstance(row, dict) or not isinstance(row.get(column), str):
        raise _RowError(f"line {number} is not an object with a text in {column!r}; choose another with --column")
    return str(row[column])


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Make an object; the json module itself keeps the last of two values with the same key."""
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = ", ".join(sorted({repr(name) for name in names if names.count(name) > 1}))
        raise _RowError(f"the key {twice} is there twice; rename one")
    return made


_READERS: dict[str, Callable[[TextIO, str], Iterator[str]]] = {
    ".txt": _lines,
    ".csv": _csv_rows,
    ".jsonl": _json_lines,
}
