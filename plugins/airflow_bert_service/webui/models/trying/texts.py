"""Takes the texts out of a form: one text, a text in each line, or a column of CSV; within bounds."""

import csv
import io

from airflow_bert_service.exceptions import RequestRefusedError
from airflow_bert_service.webui.models.trying.forms import TextForm, TryForm

MOST_TEXTS = 64
MOST_BYTES = 64 << 10
"""Of all texts together, in UTF-8."""
COLUMNS = ("text", "review")
"""The columns of CSV that texts are looked for in, where the form names none."""
_WRONG = 422


def texts_of(form: TryForm) -> tuple[str, ...]:
    """Return the texts.

    Args:
        form: What the user asks.

    Raises:
        RequestRefusedError: There is none, there are too many or too large ones, or the CSV cannot be read.
    """
    texts = _found(form)
    if not texts:
        raise _refused("There is no text. Write one, or choose a CSV file.")
    if len(texts) > MOST_TEXTS:
        raise _refused(f"There are {len(texts):,} texts; allowed: 1 to {MOST_TEXTS}. {_MANY}")
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    if size > MOST_BYTES:
        raise _refused(f"The texts have {size:,} bytes; allowed: {MOST_BYTES:,}. {_MANY}")
    return texts


_MANY = "Ask about fewer, or use `bert-service client predict --file`, which takes any number."


def _found(form: TryForm) -> tuple[str, ...]:
    if form.file is not None:
        return _column(form.file.decode("utf-8-sig"), form.column)
    if form.form is TextForm.CSV:
        return _column(form.text, form.column)
    if form.form is TextForm.LINES:
        return tuple(line for line in form.text.split("\n") if line.strip())
    return (form.text,) if form.text.strip() else ()


def _column(content: str, name: str) -> tuple[str, ...]:
    # Spreadsheets end lines with either; both may stand in quoted cells.
    reader = csv.reader(io.StringIO(content, newline=""), strict=True)
    try:
        header = next(reader, [])
        where = _place_of(name, [cell.strip() for cell in header])
        return tuple(_cell(row, where, header, reader.line_num) for row in reader if row)
    except csv.Error as error:
        raise _refused(
            f"The CSV cannot be read at line {reader.line_num}: {error}. Put cells with commas, quotes or line breaks "
            "into double quotes, and double the quotes in them."
        ) from None


def _place_of(name: str, header: list[str]) -> int:
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


def _cell(row: list[str], where: int, header: list[str], line: int) -> str:
    if len(row) != len(header):
        raise _refused(
            f"The row of the CSV that ends at line {line} has {len(row)} cells, and the first row {len(header)}. Put "
            "cells with commas into double quotes."
        )
    if not row[where].strip():
        raise _refused(f"The row of the CSV that ends at line {line} has no text. Leave the row out.")
    return row[where]


def _refused(reason: str) -> RequestRefusedError:
    return RequestRefusedError(_WRONG, reason)
