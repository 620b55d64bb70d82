"""Settings of what a row must be to be used, and of how many may be otherwise.

They are keys of ``[bert_service]`` beside the others.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.settings.reading.declared import SettingsGroup
from airflow_bert_service.settings.reading.limits import Between
from airflow_bert_service.settings.reading.naming import SECTION
from airflow_bert_service.settings.reading.reader import ReadBy

DEFAULT_LABELS = "positive: positive, pos, 1, true; negative: negative, neg, 0, false"
_SENTIMENTS = ("negative", "positive")
_FORM = f"allowed: a text like {DEFAULT_LABELS!r}"


def read_labels(text: str) -> Mapping[str, str]:
    """Read which labels mean what.

    Args:
        text: Like ``positive: pos, 1; negative: neg, 0``.

    Returns:
        ``positive`` or ``negative`` by label in lower case.

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
            raise SettingsError(f"[{SECTION}] labels has the part {part.strip()!r}; {_FORM}. Write it so.")
        for label in filter(None, (item.strip().lower() for item in listed.split(","))):
            yield label, sentiment


@dataclass(frozen=True, kw_only=True)
class RowRules(SettingsGroup):
    """What is asked of a day's rows. Not what the pipeline asks of a day's statistics: that is the schema's."""

    labels: Annotated[Mapping[str, str], ReadBy(read_labels, DEFAULT_LABELS)] = field(
        default_factory=lambda: read_labels(DEFAULT_LABELS)
    )
    """``positive`` or ``negative`` by each label that a source may have, in lower case; upper and lower case are
    alike."""
    max_bad_share: Annotated[float, Between(0, 1)] = 0.05
    """The largest share of a day's rows that may be unusable. Above it the refresh fails."""
