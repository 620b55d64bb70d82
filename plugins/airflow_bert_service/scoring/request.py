"""Writes the request to the scoring command, and the texts: lines of JSON, which the command reads."""

import datetime as dt
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.scoring.texts import DayText
from airflow_bert_service.settings.database_url import database_url
from airflow_bert_service.settings.scoring import ScoresFormat
from airflow_bert_service.settings.settings import Settings

FORMAT = 1
"""Version of the request's format; the scoring command refuses others."""
LIVE = "live"
"""The version that is in service when scoring begins."""
LIVE_ON_DATE = "live_on_date"
"""The version that was in service at the end of the day (UTC)."""
CHOICES = f"{LIVE}, {LIVE_ON_DATE}, or a version like 2026110501"


@dataclass(frozen=True, kw_only=True)
class ScoringRequest:
    """Which day is scored, with which version, and where the scores go."""

    day: dt.date
    model: str | int
    """``live``, ``live_on_date``, or a version's number."""
    file_format: ScoresFormat
    ledger: str = field(repr=False)  # may hold a password
    name: str
    models: Path
    scores: Path

    @classmethod
    def of(cls, settings: Settings, pipeline: str, day: dt.date, model: str) -> "ScoringRequest":
        """Select the settings that concern scoring.

        Args:
            settings: The Airflow side's settings.
            pipeline: The pipeline's name.
            day: The UTC day.
            model: ``live``, ``live_on_date`` or a version's number.

        Raises:
            SettingsError: The model is something else, or the ledger is a connection that Airflow does not have.
        """
        return cls(
            day=day,
            model=_model(model),
            file_format=settings.scoring.scores_format,
            ledger=database_url(settings.ledger),
            name=pipeline,
            models=settings.models_of(pipeline),
            scores=settings.scores_of(pipeline),
        )

    def to_json(self) -> str:
        """Return the request as JSON, in one line."""
        texts = {key: str(getattr(self, key)) for key in ("day", "ledger", "name", "models", "scores")}
        return json.dumps({"format": FORMAT, "model": self.model, "file_format": self.file_format.value, **texts})


def lines_of(request: ScoringRequest, texts: Iterable[DayText]) -> Iterator[str]:
    """Yield the lines of the command's standard input, without their ends; the last one says that all texts came."""
    yield request.to_json()
    count = 0
    for text in texts:
        count += 1
        yield json.dumps(text._asdict())
    yield json.dumps({"end": count})


def _model(text: str) -> str | int:
    if text in (LIVE, LIVE_ON_DATE):
        return text
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise SettingsError(f"model is {text!r}; allowed: {CHOICES}. Name one of these.")
    return int(text)
