"""Reads the rows of one CSV or JSON Lines file from a stream of bytes.

Neither holds more than a block of the file, and a bad row stops neither: it comes out with its ``problem``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter

from airflow_bert_service.exceptions import FeedError
from airflow_bert_service.feeds.readers.csv_records import CsvRecords, Readable
from airflow_bert_service.feeds.readers.json_values import loads, repeated_keys
from airflow_bert_service.feeds.readers.rows import RawRow, Reason

BLOCK = 1 << 18
"""Bytes that are read at once."""
LONGEST_LINE = 1 << 20
"""Bytes of a line of JSON. A longer one can be no review, and must not fill the memory."""


@dataclass(frozen=True)
class Columns:
    """Names of the columns, or keys, that hold a row's values."""

    id: str = "id"
    text: str = "review"
    sentiment: str = "sentiment"
    label_columns: tuple[str, ...] = ()
    """Columns of a label each, in place of ``sentiment``; none: there is that one."""
    labelled: bool = True
    """Whether a row has to have a label. Otherwise the label's column is not looked at, and need not be there."""
    date: str = ""
    """The column of a row's date; empty: the rows of a source are all of one day."""

    @property
    def names(self) -> tuple[str, ...]:
        """Those that are needed: id and text, the labels' where rows have to have them, the date where there is one."""
        of_labels = (self.label_columns or (self.sentiment,)) if self.labelled else ()
        return (self.id, self.text, *of_labels, *((self.date,) if self.date else ()))

    def label_in(self, values: Mapping[str, object]) -> object:
        """Return what a row has for its label, or its labels; None where rows need none.

        Args:
            values: The row's, by column.
        """
        if not self.labelled:
            return None
        if self.label_columns:
            return {name: _decoded(values.get(name)) for name in self.label_columns}
        return _decoded(values.get(self.sentiment))


def row_from(values: Mapping[str, object], columns: Columns, *, number: int, where: str) -> RawRow:
    """Make a row from its values by name.

    Args:
        values: The row. Other columns are ignored.
        columns: Names of those that are needed.
        number: The row's number within the delivery.
        where: Where the row stands, for people.
    """
    problem = None if all(name in values for name in columns.names) else Reason.WRONG_COLUMNS
    id_, text = values.get(columns.id), values.get(columns.text)
    if twice := sorted(repeated_keys(values).intersection(columns.names)):
        problem, where = Reason.REPEATED_COLUMN, f"{where}, {', '.join(twice)} twice"
    date = values.get(columns.date) if columns.date else None
    return RawRow(number, _id(id_), _decoded(text), columns.label_in(values), where, problem, date)


def _decoded(value: object) -> object:
    """Return bytes, which databases have in BLOBs and in texts without an encoding, as a text.

    Bytes that are no UTF-8 become surrogates, so that the row is rejected with its beginning.
    """
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).decode("utf-8", "surrogateescape")
    return value


def _id(value: object) -> str:
    value = _decoded(value)
    if isinstance(value, str):
        return value
    try:
        # Neither a list nor an object is an id, and one that is nested deep cannot be written.
        return "" if value is None or isinstance(value, (list, dict, bool)) else str(value)
    except ValueError:  # a number of thousands of digits
        return ""


def table(handle: Readable, needed: tuple[str, ...], *, where: str) -> tuple[list[str], CsvRecords]:
    """Read the header of a CSV file.

    Args:
        handle: The open file, at its beginning.
        needed: Columns that it must have, once each.
        where: The file's name, for people.

    Returns:
        The columns, none for a file without a line, and the records below.

    Raises:
        FeedError: The header lacks a column, has it twice, or is no line of CSV.
    """
    records = CsvRecords(handle)
    header = records.header()
    if isinstance(header, Reason):
        raise FeedError(f"{where}: the header is no line of CSV in UTF-8 ({header.value}). Correct the file.")
    if header is None:
        return [], records
    if any("\0" in name or "\udcff" in name for name in header):
        raise FeedError(
            f"{where} is no UTF-8: its header has bytes as UTF-16 has them. Save the file as UTF-8 (in PowerShell "
            "`Export-Csv -Encoding utf8`, in Excel `CSV UTF-8`)."
        )
    require_columns(header, needed, where=where)
    return header, records


def require_columns(header: list[str], needed: tuple[str, ...], *, where: str) -> None:
    """Check that a header has columns, once each.

    Raises:
        FeedError: It lacks one, or has it twice.
    """
    if wrong := [name for name in needed if header.count(name) != 1]:
        names = ", ".join(name or "'' (no name)" for name in header)[:500].encode(errors="replace").decode()
        index = (
            " pandas leaves the name of its index out: write the file with index_label='id', or without the index."
            if "" in header
            else ""
        )
        raise FeedError(
            f"{where}: the columns are {names}; missing, or there twice: {', '.join(wrong)}. Correct the header, or "
            f"set [bert_service] id_column, text_column, sentiment_column or label_columns, and files_date_column to "
            f"the names that it has.{index}"
        )


def read_csv_rows(handle: Readable, columns: Columns, *, where: str, start: int = 1) -> Iterator[RawRow]:
    """Yield the rows of a CSV file in UTF-8, with a header, values perhaps in double quotes.

    Args:
        handle: The open file. One without a line has no rows.
        columns: Names of the columns that are needed, in any order and among others.
        where: The file's name, for people.
        start: Number of the first row.

    Raises:
        FeedError: The header lacks a column.
    """
    header, records = table(handle, columns.names, where=where)
    if not header:
        return
    wanted = itemgetter(*(header.index(name) for name in columns.names))
    width, before = len(header), start - 1
    for number, record in enumerate(records.records(), start=start):
        place = f"{where}, row {number - before}"
        if isinstance(record, list) and len(record) == width:
            values = wanted(record)
            if columns.label_columns:
                label: object = columns.label_in(dict(zip(columns.names, values, strict=True)))
            else:
                label = values[2] if columns.labelled else None
            yield RawRow(number, values[0], values[1], label, place, date=values[-1] if columns.date else None)
        else:
            yield bad_row(record, header, columns, number=number, where=place)


def bad_row(record: list[str] | Reason, header: list[str], columns: Columns, *, number: int, where: str) -> RawRow:
    """Make the row of a malformed record, or of one without the header's columns.

    Args:
        record: The record, or what the reader found.
        header: The columns.
        columns: Names of those that are needed.
        number: The row's number within the delivery.
        where: Where the row stands, for people.
    """
    if isinstance(record, Reason):
        return RawRow(number, "", None, None, where, record)
    row = row_from(dict(zip(header, record, strict=False)), columns, number=number, where=where)
    return row._replace(problem=Reason.WRONG_COLUMNS)


def read_json_rows(handle: Readable, columns: Columns, *, where: str, start: int = 1) -> Iterator[RawRow]:
    """Yield the rows of a JSON Lines file: an object a line, in UTF-8. Empty lines are skipped.

    Args and number as for :func:`read_csv_rows`; the keys are the columns.
    """
    number = start
    for line_number, line in enumerate(_lines(handle), start=1):
        values = line if isinstance(line, Reason) else _object(line)
        if values is None:
            continue
        place = f"{where}, line {line_number}"
        if isinstance(values, Reason):
            yield RawRow(number, "", None, None, place, values)
        else:
            yield row_from(values, columns, number=number, where=place)
        number += 1


def _lines(handle: Readable) -> Iterator[bytes | Reason]:
    rest = b""
    too_long = False
    while block := handle.read(BLOCK):
        *lines, rest = (rest + block).split(b"\n")
        if too_long and lines:
            lines, too_long = lines[1:], False
            yield Reason.TOO_LONG
        yield from (Reason.TOO_LONG if len(line) > LONGEST_LINE else line for line in lines)
        if too_long or len(rest) > LONGEST_LINE:
            rest, too_long = b"", True
    if too_long or rest:
        yield Reason.TOO_LONG if too_long else rest


def _object(line: bytes) -> dict[str, object] | Reason | None:
    """Read a line of JSON; None where it is empty."""
    try:
        text = line.decode("utf-8-sig")
        value = loads(text) if text.strip() else None
    except UnicodeDecodeError:
        return Reason.BAD_ENCODING
    except (ValueError, RecursionError):  # not JSON; numbers too long; nested too deep
        return Reason.WRONG_COLUMNS
    if isinstance(value, dict):
        return value
    return None if not text.strip() else Reason.WRONG_COLUMNS
