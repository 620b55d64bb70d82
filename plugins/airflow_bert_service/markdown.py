"""Writes texts of people, data and errors as Markdown that shows them as they are, as Airflow renders notes."""

import re

# What is a mark in the middle of a line; others are at its beginning only, or together with one of these. An underscore
# between letters or digits is none.
_MARKS = re.compile(r"([\\`*\[\]<>#|~]|(?<![^\W_])_|_(?![^\W_]))")


def escaped(text: str) -> str:
    """Return a text as Markdown that shows it as it is."""
    return _MARKS.sub(r"\\\1", " ".join(text.split()))
