"""Scores a day of the feed: what the task ``score`` does, and the sub-command of that name."""

import datetime as dt
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from airflow_bert_service.feeds import make_feed
from airflow_bert_service.scoring.client import ScoringClient
from airflow_bert_service.scoring.report import ScoringReport
from airflow_bert_service.scoring.request import ScoringRequest
from airflow_bert_service.scoring.texts import DayText, texts_of
from airflow_bert_service.settings.settings import Settings


class DayScoring:
    """Scores one day of a pipeline's feed. It knows no run.

    Args:
        settings: The Airflow side's settings: feed, ledger, where models and scores are.
        pipeline: The pipeline's name.
        module_root: The folder that holds ``tfx_modules``.
        log: Called with every line of the command's log, in another thread.
    """

    def __init__(self, settings: Settings, pipeline: str, module_root: Path, log: Callable[[str], None]) -> None:
        self._settings = settings
        self._pipeline = pipeline
        self._log = log
        self._client = ScoringClient(tfx_python=settings.tfx_python, module_root=module_root)

    def score(self, day: dt.date, model: str) -> ScoringReport:
        """Score the texts of a day, and put the scores in place of earlier ones of the day.

        Args:
            day: The UTC day.
            model: ``live``, ``live_on_date`` or a version's number.

        Raises:
            MissingDayError: The feed has no row of that day.
            FeedError: The feed cannot be read.
            ScoringError: The command failed, was cancelled, or found no such version.
            SettingsError: The model is none of these, or the TFX environment is missing.
        """
        request = ScoringRequest.of(self._settings, self._pipeline, day, model)
        with _spooled(texts_of(make_feed(self._settings), day)) as texts:
            return self._client.run(request, texts, self._log)

    def cancel(self) -> None:
        """Stop it. It may be called from a signal handler in the middle of :meth:`score`."""
        self._client.cancel()


@contextmanager
def _spooled(texts: Iterable[DayText]) -> Iterator[Iterator[DayText]]:
    """Read all texts into a temporary file before the first is scored.

    Scoring takes long: so no database or web service waits for it, and a day that is missing or cannot be read is told
    before a model is loaded.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(text)}\n" for text in texts)
        file.seek(0)
        yield (DayText(*json.loads(line)) for line in file)
