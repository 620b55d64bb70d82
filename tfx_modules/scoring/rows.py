"""Defines texts to score, and scored rows."""

from collections.abc import Mapping
from typing import NamedTuple


class Text(NamedTuple):
    """A row of the day, to be scored unless it has an error."""

    row: int
    """Its number within the day's delivery, from 1 on."""
    id: str | None
    """None where the source has none."""
    text: str
    error: str | None = None
    """Why it cannot be scored, as ``no_text``; None: it can."""


class Score(NamedTuple):
    """What the model says of one text."""

    label: str | None = None
    """None where there is an error, and of a multilabel task."""
    score: float | None = None
    """As the model server's output of that name: the probability of the positive label; with more than two labels,
    that of ``label``."""
    scores: Mapping[str, float] | None = None
    """With more than two labels, the probability of each; else None."""
    error: str | None = None
    chosen: tuple[str, ...] | None = None
    """Of a multilabel task, the labels that the model says the text has; else None."""


class Provenance(NamedTuple):
    """What has computed the scores; each row has it."""

    version: int
    digest: str
    """SHA-256 over the version's files, as the ledger has it; empty where the ledger has none."""
    engine: str
    """Engine and precision: ``OpenVINO (int8)``."""


class ScoredRow(NamedTuple):
    """A row of the partition."""

    text: Text
    score: Score
