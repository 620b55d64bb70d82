"""Writes scored rows into a file: JSON Lines, or Parquet."""

import enum
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, Protocol

import pyarrow as pa
from pyarrow import parquet

from tfx_modules.scoring.rows import Provenance, ScoredRow

COLUMNS = ("row", "id", "label", "score", "scores", "error", "version", "digest", "engine")
"""The fields of a row, in this order, in both formats."""
CHOSEN = "chosen"
"""A further field at the end, of a multilabel task: the labels that the text has. ``label`` and ``score`` are null."""


class FileFormat(enum.Enum):
    """The format of a day's file; the value is its ending, too."""

    JSONL = "jsonl"
    """JSON Lines: a JSON object a line, in UTF-8."""
    PARQUET = "parquet"


class RowsFile(Protocol):
    """A file that rows are written into."""

    def write(self, rows: Sequence[ScoredRow]) -> None:
        """Write some rows."""

    def finish(self) -> None:
        """Write what comes after the last row."""


@contextmanager
def rows_file(
    file: BinaryIO, file_format: FileFormat, provenance: Provenance, *, has_sets: bool = False
) -> Iterator[RowsFile]:
    """Write a file, which is complete when the block ends without an error.

    Args:
        file: opened for writing; it stays open.
        file_format: its format.
        provenance: what each row has.
        has_sets: whether a text has any number of labels.
    """
    written = _FORMATS[file_format](file, provenance, has_sets)
    try:
        yield written
    except BaseException:
        with suppress(OSError):
            written.finish()  # or pyarrow would do so later, when the file is closed
        raise
    written.finish()


class _JsonLines:
    def __init__(self, file: BinaryIO, provenance: Provenance, has_sets: bool) -> None:  # noqa: FBT001 (see _FORMATS)
        self._file = file
        self._row = _Row(provenance, has_sets=has_sets)

    def write(self, rows: Sequence[ScoredRow]) -> None:
        lines = (json.dumps(self._row.values(row), ensure_ascii=False) for row in rows)
        self._file.write("".join(f"{line}\n" for line in lines).encode())

    def finish(self) -> None:
        """Do nothing: a line ends each row."""


class _Parquet:
    SCHEMA = pa.schema(
        [
            pa.field("row", pa.int64(), nullable=False),
            pa.field("id", pa.string()),
            pa.field("label", pa.string()),
            pa.field("score", pa.float64()),
            pa.field("scores", pa.map_(pa.string(), pa.float64())),
            pa.field("error", pa.string()),
            pa.field("version", pa.int64(), nullable=False),
            pa.field("digest", pa.string(), nullable=False),
            pa.field("engine", pa.string(), nullable=False),
        ]
    )

    def __init__(self, file: BinaryIO, provenance: Provenance, has_sets: bool) -> None:  # noqa: FBT001 (see _FORMATS)
        self._schema = self.SCHEMA.append(pa.field(CHOSEN, pa.list_(pa.string()))) if has_sets else self.SCHEMA
        self._writer = parquet.ParquetWriter(file, self._schema)
        self._row = _Row(provenance, has_sets=has_sets)

    def write(self, rows: Sequence[ScoredRow]) -> None:
        values = [self._row.values(row) for row in rows]
        for each in values:
            each["scores"] = each["scores"] and list(each["scores"].items())
        self._writer.write_table(pa.Table.from_pylist(values, self._schema))

    def finish(self) -> None:
        self._writer.close()


class _Row:
    """Returns the values of rows by their fields."""

    def __init__(self, provenance: Provenance, *, has_sets: bool) -> None:
        self._provenance = provenance
        self._has_sets = has_sets

    def values(self, row: ScoredRow) -> dict[str, Any]:
        text, score = row
        found = (text.row, text.id, score.label, score.score, score.scores, score.error, *self._provenance)
        made = dict(zip(COLUMNS, found, strict=True))
        return {**made, CHOSEN: score.chosen} if self._has_sets else made


_FORMATS: Mapping[FileFormat, Callable[[BinaryIO, Provenance, bool], RowsFile]] = {
    FileFormat.JSONL: _JsonLines,
    FileFormat.PARQUET: _Parquet,
}
