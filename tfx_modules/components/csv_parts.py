"""Cuts CSV files into parts that several workers read at once: a day with a million reviews is one file."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems

MIN_PART_BYTES = 4 << 20
"""Least bytes of a part, but of a file's last one. A worker has a whole part in memory."""
_QUOTE, _LINE_END = b'"', b"\n"


@dataclass(frozen=True)
class FilePart:
    """Some records of a CSV file with a header, in UTF-8."""

    path: str
    columns: tuple[str, ...]
    start: int
    """Offset in bytes of its first record."""
    end: int
    """Offset after its last one."""


def parts_of(path: str, size: int = MIN_PART_BYTES) -> Iterator[FilePart]:
    """Cut a file between records.

    A line end is one of a record where an even number of quotes goes before it. That is so for files as Python's csv
    module writes them, where a cell with a quote in it is quoted, and the quote is doubled.

    Args:
        path: a file that Beam can open.
        size: least bytes of a part, but of the last one.

    Yields:
        The parts in order; none where there is nothing below the header.
    """
    with FileSystems.open(path) as file:
        columns, start = _header(file)
        for end in _cuts(file, start, size):
            yield FilePart(path, columns, start, end)
            start = end


def rows_of(part: FilePart) -> Iterator[dict[str, str | None]]:
    """Read a part; line ends inside quotes belong to the cell."""
    with FileSystems.open(part.path) as file:
        file.seek(part.start)
        text = file.read(part.end - part.start).decode()
    yield from csv.DictReader(io.StringIO(text, newline=""), part.columns)


class FindParts(beam.DoFn):  # type: ignore[misc]
    """From a file's path to its parts."""

    def process(self, path: str) -> Iterator[FilePart]:
        """Cut one file."""
        yield from parts_of(path)


def _header(file: BinaryIO) -> tuple[tuple[str, ...], int]:
    line = b""
    while (more := file.readline()) and (line := line + more).count(_QUOTE) % 2:
        pass
    return tuple(next(csv.reader(io.StringIO(line.decode(), newline="")), ())), len(line)


def _cuts(file: BinaryIO, start: int, size: int) -> Iterator[int]:
    """Yield where parts end; the file is read once, in blocks of a part's size."""
    file.seek(start)
    position, quotes, last = start, 0, start
    while block := file.read(size):
        # The first record end in a block that begins at least one part's size after the last cut.
        if position - last >= size and (cut := _record_end(block, quotes)):
            last = position + cut
            yield last
        quotes += block.count(_QUOTE)
        position += len(block)
    if position > last:
        yield position


def _record_end(block: bytes, quotes: int) -> int:
    """Return the offset after the first line end that is outside quotes; 0: there is none."""
    searched = 0
    while found := block.find(_LINE_END, searched) + 1:
        quotes += block.count(_QUOTE, searched, found)
        if quotes % 2 == 0:
            return found
        searched = found
    return 0
