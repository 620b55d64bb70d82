"""Defines a review: a row that can be used."""

import datetime as dt
from typing import NamedTuple

LONGEST_REVIEW = 100_000
"""Characters. The csv module, which TFX reads spans with, refuses fields from 131,072 on."""
LONGEST_ID = 1_000
"""Characters."""


class Review(NamedTuple):
    """One labelled review."""

    # A named tuple, as RawRow is, and for the same reason.
    id: str
    """Unique within its day, and stable."""
    day: dt.date
    """The UTC day that it came in on."""
    text: str
    sentiment: str
    """Its label, one of the pipeline's: ``positive`` or ``negative`` where its settings name no others."""
    number: int = 0
    """Number of its row within the delivery."""
    where: str = ""
    """File and row, or archive and member, for messages."""
