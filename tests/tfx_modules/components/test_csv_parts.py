"""However a file is cut into parts, they have its rows."""

import csv
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfx_modules.components.csv_parts import parts_of, rows_of

CELLS = st.text(alphabet=st.sampled_from(['"', ",", "\n", "\r", "a", "é", " ", "\u2028"]), max_size=12)


def write(file: Path, rows: list[list[str]], header: tuple[str, ...] = ("id", "review")) -> Path:
    with file.open("w", encoding="utf-8", newline="") as output:
        csv.writer(output).writerows([header, *rows])
    return file


def whole(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


@settings(max_examples=200)
@given(
    rows=st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=20),
    header=st.tuples(CELLS.filter(bool), CELLS),
    size=st.integers(1, 80),
)
def test_the_parts_have_all_rows_in_order(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], header: tuple[str, str], size: int
) -> None:
    file = write(tmp_path_factory.getbasetemp() / "parts.csv", rows, header)
    parts = list(parts_of(str(file), size))
    assert [row for part in parts for row in rows_of(part)] == whole(file)
    assert [part.start for part in parts[1:]] == [part.end for part in parts[:-1]]
    assert all(part.end - part.start >= size for part in parts[:-1])


def test_a_file_is_cut_into_parts_of_about_the_size(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", [[str(number), "x" * 90] for number in range(1_000)])
    sizes = [part.end - part.start for part in parts_of(str(file), 10_000)]
    assert len(sizes) >= 4
    assert max(sizes) <= 20_100


@pytest.mark.parametrize("content", ["", "id,review\r\n", "id,review"])
def test_a_file_without_rows_has_no_parts(tmp_path: Path, content: str) -> None:
    file = tmp_path / "a.csv"
    file.write_text(content, encoding="utf-8")
    assert list(parts_of(str(file))) == []
