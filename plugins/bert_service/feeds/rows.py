"""What a source delivers: rows, before anything is believed of them."""

from dataclasses import dataclass
from enum import Enum


class Reason(str, Enum):
    """Why a row cannot be used."""

    NO_TEXT = "no_text"
    NO_ID = "no_id"
    UNKNOWN_LABEL = "unknown_label"
    WRONG_COLUMNS = "wrong_columns"
    BAD_ENCODING = "bad_encoding"
    NUL = "nul"
    TOO_LONG = "too_long"
    UNCLOSED_QUOTE = "unclosed_quote"
    DUPLICATE_ID = "duplicate_id"
    CONTRADICTING_LABELS = "contradicting_labels"


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row as a source delivered it, before anything is believed of it."""

    number: int
    """Row number within the delivery; the first data row is 1."""
    id: str
    """Empty where it is missing."""
    text: object
    """A str; None or something else where the source has no text."""
    sentiment: object
    """The raw label: str, int, bool or None."""
    where: str
    """File and row, or archive and member, for people."""
    problem: Reason | None = None
    """What the reader itself found; the other fields are then best effort."""
