"""The CSV reader: any bytes become rows, each of them once, and no row is made of what is inside of another."""

import csv
import io
import tracemalloc
from collections.abc import Iterator

import pytest
from airflow_bert_service.feeds.readers.csv_grammar import MORE_COLUMNS
from airflow_bert_service.feeds.readers.csv_records import BLOCK, LONGEST_RECORD, CsvRecords
from airflow_bert_service.feeds.readers.rows import Reason
from hypothesis import example, given
from hypothesis import strategies as st

UNCLOSED, WRONG, LONG = Reason.UNCLOSED_QUOTE, Reason.WRONG_COLUMNS, Reason.TOO_LONG
# What CSV is made of, so that much of what hypothesis makes is nearly in order.
CSV_LIKE = st.text(alphabet='a"",\n\r\0\u00e9', max_size=80).map(str.encode) | st.lists(
    st.sampled_from([b'"', b'""', b",", b"\n", b"\r\n", b"\r", b"a", b"1,b,c\n", b'1,"b\nb",c\n', b'1,"b,c\n', b"\xff"])
).map(b"".join)


class Trickle:
    """A file that hands out few bytes at a time."""

    def __init__(self, content: bytes, size: int) -> None:
        self._file = io.BytesIO(content)
        self._size = size

    def read(self, _: int = -1, /) -> bytes:
        return self._file.read(self._size)


def read(content: bytes, *, header: bytes = b"a,b,c\n", size: int = BLOCK) -> list[list[str] | Reason]:
    records = CsvRecords(Trickle(header + content, size))
    assert records.header() == ["a", "b", "c"]
    return list(records.records())


@pytest.mark.parametrize(
    ("content", "records"),
    [
        (b"1,2,3\n4,5,6\n", [["1", "2", "3"], ["4", "5", "6"]]),
        (b"1,2,3\r\n\r\n\n4,5,6", [["1", "2", "3"], ["4", "5", "6"]]),
        (b'"1","2, ""2"" and\r\n2",3\n', [["1", '2, "2" and\r\n2', "3"]]),
        (b'1,the 12" version,3\n', [["1", 'the 12" version', "3"]]),
        (b"1,2\n1,2,3,4\n", [["1", "2"], ["1", "2", "3", "4"]]),
        ("1,\u00e9\u2028\x85,3\n".encode(), [["1", "\u00e9\u2028\x85", "3"]]),
        (b"1,\xe9,3\n4,5,6\n", [["1", "\udce9", "3"], ["4", "5", "6"]]),
        (b'1,"2"2,3\n4,5,6\n', [WRONG, ["4", "5", "6"]]),
        (b"1,2\r2,3\n4,5,6\n", [WRONG, ["4", "5", "6"]]),
    ],
)
def test_what_is_a_record(content: bytes, records: list[list[str] | Reason]) -> None:
    assert read(content) == records


@pytest.mark.parametrize("lines", [1, 100, 100_000])
@pytest.mark.parametrize("end", [b"", b'x,"y","z"\n'], ids=["none is quoted", "one is quoted"])
def test_a_quote_that_is_never_closed_costs_its_own_row(lines: int, end: bytes) -> None:
    records = read(b'1,"2,3\n' + b"4,5,6 and more\n" * lines + end)
    assert records[0] is UNCLOSED
    assert records[1:] == [["4", "5", "6 and more"]] * lines + ([["x", "y", "z"]] if end else [])


def test_many_quotes_that_are_never_closed_cost_a_row_each() -> None:
    good = b"4,5,6\n" * 50_000  # more than is kept in memory
    records = read((b'1,"2,3\n' + good) * 3)
    assert [record for record in records if isinstance(record, Reason)] == [UNCLOSED] * 3
    assert len(records) == 150_003


@pytest.mark.parametrize("size", [1_000, 200_000, 2 * LONGEST_RECORD, 5 * LONGEST_RECORD])
@pytest.mark.parametrize("line", [b"9,forged,3\n", b'9,""forged"",3\n'])
def test_no_line_of_a_long_text_becomes_a_row(size: int, line: bytes) -> None:
    text = line * (size // len(line))
    first, last = read(b'1,"' + text + b'",3\n4,5,6\n')
    assert last == ["4", "5", "6"]
    if isinstance(first, list):
        assert first[1].encode() == text.replace(b'""', b'"')
    else:
        assert (first, size > 100_000) == (LONG, True)


@pytest.mark.parametrize("size", [200_000, LONGEST_RECORD, LONGEST_RECORD + 1, 5 * LONGEST_RECORD])
def test_the_tail_of_a_long_line_becomes_no_row(size: int) -> None:
    assert read(b"1," + b"x" * size + b",3\n4,5,6\n") == [LONG, ["4", "5", "6"]]
    assert read(b'1,"' + b"x" * size + b'"x,3\n4,5,6\n') == [WRONG, ["4", "5", "6"]]
    assert read(b"1," + b"x" * size) == [LONG]


def test_a_long_record_that_is_none_costs_its_first_line() -> None:
    lines = b"4,5,6\n" * LONGEST_RECORD
    records = read(b'1,"2' + b"x" * LONGEST_RECORD + b"\n" + lines[: 6 * 400_000] + b'7,"8",9\n')
    assert records[0] is UNCLOSED
    assert len(records) == 400_002
    assert records[-1] == ["7", "8", "9"]


@pytest.mark.parametrize("line", [b'x","y\n', b'","\n', b'"\n', b'1,"2\n', b'""",\n', b'1,"2""\n'])
def test_lines_that_could_all_be_one_record_are_read_in_good_time(line: bytes) -> None:
    # Were each of them read to the end of the file, this would take hours.
    records = read(line * (LONGEST_RECORD // 2 // len(line)))
    assert len(records) > 1_000


def rows_of(content: bytes) -> list[list[str]] | None:
    """What the csv module makes of it; None: it refuses it."""
    try:
        lines = io.StringIO(content.decode(errors="surrogateescape"), newline="\n")
        return [row for row in csv.reader(lines, strict=True) if row]
    except csv.Error:
        return None


@given(CSV_LIKE)
@example(b'1,"2\n')
@example(b',,,,,1,"b\nb",c\n')
def test_what_the_csv_module_reads_is_read_alike(content: bytes) -> None:
    expected = rows_of(content)
    # A record over several lines with more columns is not believed to be one.
    if expected is not None and all(len(row) <= 3 + MORE_COLUMNS for row in expected):
        assert read(content) == expected


@given(CSV_LIKE | st.binary(max_size=200), st.integers(1, 40))
@example(b'1,"2\n\xff,"\n', 1)
def test_where_a_block_ends_does_not_matter(content: bytes, size: int) -> None:
    assert read(content, size=size) == read(content)


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=3, max_size=3)))
def test_what_the_csv_module_writes_is_read_back(rows: list[list[str]]) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(rows)
    assert read(file.getvalue().encode()) == rows


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_a_file_without_a_line_has_no_header(content: bytes) -> None:
    assert CsvRecords(io.BytesIO(content)).header() is None


def test_a_byte_order_mark_is_no_part_of_the_header() -> None:
    assert read(b"1,2,3\n", header=b"\xef\xbb\xbfa,b,c\r\n") == [["1", "2", "3"]]


@pytest.mark.parametrize("content", [b'a,"b', b'a,"b"c\n', b"a," + b"b" * 200_000])
def test_a_header_that_is_no_record(content: bytes) -> None:
    assert isinstance(CsvRecords(io.BytesIO(content)).header(), Reason)


class Endless:
    """A file of `size` bytes that are never together in memory."""

    def __init__(self, head: bytes, block: bytes, size: int) -> None:
        self._blocks = self._make(head, block, size)

    @staticmethod
    def _make(head: bytes, block: bytes, size: int) -> Iterator[bytes]:
        yield head
        for _ in range(size // len(block)):
            yield block

    def read(self, _: int = -1, /) -> bytes:
        return next(self._blocks, b"")


@pytest.mark.parametrize(
    "line", [b"x" * BLOCK, b"x," * 2_000 + b"\n", b'x""' * 2_000 + b"\n"], ids=["no line", "lines", "quotes"]
)
@pytest.mark.parametrize("start", [b"", b'1,"'], ids=["plain", "quoted"])
def test_a_record_without_an_end_does_not_fill_the_memory(start: bytes, line: bytes) -> None:
    records = CsvRecords(Endless(b"a,b,c\n" + start, line * (BLOCK // len(line)), 24 << 20))
    assert records.header() == ["a", "b", "c"]
    tracemalloc.start()
    try:
        for _ in records.records():
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 12 << 20, "bytes, of 24 MiB"
