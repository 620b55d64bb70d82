"""Tells where a benchmark's reviews are; imports no library, so that importing one can be measured."""

import datetime as dt
from pathlib import Path


def span_file(root: Path, day: dt.date) -> Path:
    """Return the file of a day's reviews in a benchmark's folder."""
    return root / "spans" / day.isoformat() / "v1" / "reviews.csv"
