"""Takes the texts out of a form: one text, a text in each line, or a column of CSV; within bounds."""

import csv
import io
from dataclasses import dataclass

from airflow_bert_service.exceptions import RequestRefusedError
from airflow_bert_service.webui.models.trying.forms import TextForm, TryForm

MOST_TEXTS = 64
MOST_BYTES = 64 << 10
"""Of all texts together, in UTF-8."""
COLUMNS = ("text", "review")
"""The columns of CSV that texts are looked for in, where the form names none."""
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
"""What may stand between the cells of CSV."""
_WRONG = 422


@dataclass(frozen=True, kw_only=True)
class FoundTexts:
    """The texts of a form, and where they were found."""

    texts: tuple[str, ...]
    header: tuple[str, ...] = ()
    """The first row of CSV, whose cells were taken for the columns' names; empty: it is no CSV."""
    column: str = ""
    """Which of them the texts are from."""


def texts_of(form: TryForm) -> FoundTexts:
    """Return the texts.

    Args:
        form: What the user asks.

    Raises:
        RequestRefusedError: There is none, there are too many or too large ones, or the CSV cannot be read.
    """
    found = _found(form)
    texts = found.texts
    if not texts:
        raise _refused("There is no text. Write one, or choose a CSV file.")
    if len(texts) > MOST_TEXTS:
        raise _refused(f"There are {len(texts):,} texts; allowed: 1 to {MOST_TEXTS}. {_MANY}")
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    if size > MOST_BYTES:
        raise _refused(f"The texts have {size:,} bytes; allowed: {MOST_BYTES:,}. {_MANY}")
    return found


_MANY = "Ask about fewer, or use `bert-service client predict --file`, which takes any number."


def _found(form: TryForm) -> FoundTexts:
    if form.file is not None:
        return _column(form.file.decode("utf-8-sig"), form.column)
    if form.form is TextForm.CSV:
        return _column(form.text, form.column)
    if form.form is TextForm.LINES:
        return FoundTexts(texts=tuple(line for line in form.text.split("\n") if line.strip()))
    return FoundTexts(texts=(form.text,) if form.text.strip() else ())


def _column(content: str, name: str) -> FoundTexts:
    separator = _separator(content)
    reader = csv.reader(_lines(content), strict=True, delimiter=separator)
    try:
        header = tuple(cell.strip() for cell in next(reader, []))
        where = _place_of(name, header)
        texts = tuple(_cell(row, where, len(header), reader.line_num, separator) for row in reader if row)
    except csv.Error as error:
        raise _refused(
            f"The CSV cannot be read at line {reader.line_num}: {error}. Put cells with {_SEPARATORS[separator]}, "
            "quotes or line breaks into double quotes, and double the quotes in them."
        ) from None
    return FoundTexts(texts=texts, header=header, column=header[where])


def _lines(content: str) -> io.StringIO:
    return io.StringIO(content, newline="")  # spreadsheets end lines with either; both may stand in quoted cells


def _separator(content: str) -> str:
    """Return what separates the cells of the first row into most; the comma where nothing separates them."""
    cells = {separator: _count_of_cells(content, separator) for separator in _SEPARATORS}
    most = max(cells, key=cells.__getitem__)
    return most if cells[most] > 1 else ","


def _count_of_cells(content: str, separator: str) -> int:
    """Return how many cells the first row has; 0: the separator is not its own, by the quotes in it."""
    try:
        return len(next(csv.reader(_lines(content), strict=True, delimiter=separator), []))
    except csv.Error:
        return 0


def _place_of(name: str, header: tuple[str, ...]) -> int:
    """Return which column has the texts: the one that the form names, else `text` or `review`, else the only one."""
    wanted = (name,) if name else COLUMNS
    found = [header.index(one) for one in wanted if one in header]
    if found:
        return found[0]
    if not name and len(header) == 1:
        return 0
    names = ", ".join(repr(cell[:40]) for cell in header[:20]) or "nothing"
    raise _refused(
        f"The CSV has no column {' or '.join(map(repr, wanted))}; its first row has: {names}. Name the texts' column "
        "in the field Column."
    )


def _cell(row: list[str], where: int, count: int, line: int, separator: str) -> str:
    if len(row) != count:
        raise _refused(
            f"The row of the CSV that ends at line {line} has {len(row)} cells, and the first row {count}. Put cells "
            f"with {_SEPARATORS[separator]} into double quotes."
        )
    if not row[where].strip():
        raise _refused(f"The row of the CSV that ends at line {line} has no text. Leave the row out.")
    return row[where]


def _refused(reason: str) -> RequestRefusedError:
    return RequestRefusedError(_WRONG, reason)
