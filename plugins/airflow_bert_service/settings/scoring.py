"""Settings of the scoring of a day's texts: the keys ``scores_format`` and ``scored_days_at_once``."""

from dataclasses import dataclass
from enum import Enum
from typing import Annotated

from airflow_bert_service.settings.reading.declared import SettingsGroup
from airflow_bert_service.settings.reading.limits import AtLeast


class ScoresFormat(str, Enum):
    """The format of the files of scores."""

    JSONL = "jsonl"
    """JSON Lines: a JSON object a line, in UTF-8."""
    PARQUET = "parquet"
    """Parquet, which takes less space, and has types."""


@dataclass(frozen=True, kw_only=True)
class ScoringSettings(SettingsGroup):
    """How the DAG ``<pipeline>_scoring`` scores a day's texts. Not which texts: ``scoring_feed`` says that."""

    scores_format: ScoresFormat = ScoresFormat.JSONL
    """The format in which the DAG ``<pipeline>_scoring`` writes a day's scores
    (``docs/how-to/batch-scoring.md``)."""
    scored_days_at_once: Annotated[int, AtLeast(1)] = 1
    """How many days the DAG ``<pipeline>_scoring`` scores at the same time. A day occupies all processor cores of its
    machine: more than 1 is for several workers."""
