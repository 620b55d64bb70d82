"""Defines rows as a source delivers them, before any check, and the reasons to reject a row."""

from enum import Enum
from typing import NamedTuple


class Reason(str, Enum):
    """The reason why a row cannot be used."""

    NO_TEXT = "no_text"
    """The text is missing, blank, or no text at all."""
    NO_ID = "no_id"
    """The id is missing, blank, or neither text nor number."""
    NO_DATE = "no_date"
    """The row has no date, in a file that holds several days; it may be of any of them."""
    OTHER_DAY = "other_day"
    """The row's date is of a day that has another file; no run would read the row."""
    UNKNOWN_LABEL = "unknown_label"
    """The label is none of the setting ``labels``; of a multilabel task, one of the row's labels is."""
    WRONG_COLUMNS = "wrong_columns"
    """The row has not the columns of the header, a key is missing, or the line is no CSV or JSON at all."""
    REPEATED_COLUMN = "repeated_column"
    """A needed key is in the row's object twice; ``where`` names it."""
    BAD_ENCODING = "bad_encoding"
    """Bytes that are no UTF-8, or halves of surrogate pairs."""
    NUL = "nul"
    """A value has the character NUL."""
    TOO_LONG = "too_long"
    """The text, the id or the whole record is longer than allowed."""
    UNCLOSED_QUOTE = "unclosed_quote"
    """A quote is opened on the row's line and never closed, as the lines below it show."""
    DUPLICATE_ID = "duplicate_id"
    """An earlier row of the day has the same id."""
    CONTRADICTING_LABELS = "contradicting_labels"
    """Another row of the day has the same text and another label, or other labels; both are rejected."""


class RawRow(NamedTuple):
    """One row as a source delivered it, before any check."""

    # A named tuple, because millions are made: a frozen dataclass takes three times as long.
    number: int
    """Row number within the delivery; the first data row is 1."""
    id: str
    """Empty where it is missing."""
    text: object
    """A str; None or something else where the source has no text."""
    sentiment: object
    """The raw label: str, int, bool or None; a list of them; or values by the columns of labels."""
    where: str
    """File and row, or archive and member, for people."""
    problem: Reason | None = None
    """The reason that the reader itself found to reject the row; the other fields are best effort then."""
    date: object = None
    """The raw date, where the file holds several days."""
