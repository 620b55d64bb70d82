"""Settings of what a row must be to be used, and of how many may be otherwise.

They are keys of ``[bert_service]`` beside the others.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated

from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.settings.reading.declared import SettingsGroup
from airflow_bert_service.settings.reading.limits import Between
from airflow_bert_service.settings.reading.naming import SECTION
from airflow_bert_service.settings.reading.reader import ReadBy

DEFAULT_LABELS = "positive: positive, pos, 1, true; negative: negative, neg, 0, false"
_SENTIMENTS = ("negative", "positive")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)")
_FORM = f"allowed: a text like {DEFAULT_LABELS!r}"


def normal_label(value: object) -> str:
    """Write a label in the one form that the settings and all sources share.

    Upper and lower case, white space around it, and the ways to write a number (1, 1.0, "1.00") make no difference.

    Args:
        value: A text, a number or a truth value.

    Returns:
        The label; empty where the value is no label.
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        text = value.strip().lower()
        return _number(text) if _NUMBER.fullmatch(text) else text
    return _number(value) if isinstance(value, (int, float, Decimal)) else ""


def _number(value: str | float | Decimal) -> str:
    try:
        return f"{float(value) + 0.0:.15g}"  # + 0.0: there is one zero
    except (ValueError, OverflowError):
        return ""


def read_labels(text: str) -> Mapping[str, str]:
    """Read which labels mean what.

    Args:
        text: Like ``positive: pos, 1; negative: neg, 0``.

    Returns:
        ``positive`` or ``negative`` by label, as :func:`normal_label` writes it.

    Raises:
        SettingsError: The text is of another form, a sentiment has no label, or a label has two sentiments.
    """
    labels: dict[str, str] = {}
    for label, sentiment in _pairs(text):
        if labels.setdefault(label, sentiment) != sentiment:
            raise SettingsError(
                f"[{SECTION}] labels has {label!r} for both sentiments; allowed: each label once. Take it out of one."
            )
    if missing := [sentiment for sentiment in _SENTIMENTS if sentiment not in labels.values()]:
        raise SettingsError(f"[{SECTION}] labels has none for {', '.join(missing)}; {_FORM}. Add one.")
    return labels


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for part in filter(str.strip, text.split(";")):
        name, _, listed = part.partition(":")
        sentiment = name.strip().lower()
        if sentiment not in _SENTIMENTS:
            raise SettingsError(
                f"[{SECTION}] labels has the part {part.strip()!r}; {_FORM}: the sentiment, and after the "
                "colon the labels that the source has for it (positive: good; negative: bad). Write it so."
            )
        for label in filter(None, map(normal_label, listed.split(","))):
            yield label, sentiment


@dataclass(frozen=True, kw_only=True)
class RowRules(SettingsGroup):
    """What is asked of a day's rows. Not what the pipeline asks of a day's statistics: that is the schema's."""

    labels: Annotated[Mapping[str, str], ReadBy(read_labels, DEFAULT_LABELS)] = field(
        default_factory=lambda: read_labels(DEFAULT_LABELS)
    )
    """``positive`` or ``negative`` by each label that a source may have. Upper and lower case are alike, and so are 1,
    1.0 and 1.00."""
    max_bad_share: Annotated[float, Between(0, 1)] = 0.05
    """The largest share of a day's rows that may be unusable. Above it the refresh fails."""
