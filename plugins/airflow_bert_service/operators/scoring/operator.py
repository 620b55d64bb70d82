"""Defines the operator that scores a day's texts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow.sdk import Asset, BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException

from airflow_bert_service.clients.log_lines import read_log_line
from airflow_bert_service.exceptions import DataDateError, ScoringRefusedError, SettingsError
from airflow_bert_service.runs.annotations import VERDICT
from airflow_bert_service.runs.conf import check_conf_of
from airflow_bert_service.runs.data_date import data_date, facts_from
from airflow_bert_service.runs.running_task import leave_annotation, recording_failure
from airflow_bert_service.scoring.day import DayScoring
from airflow_bert_service.scoring.report import ScoringReport
from airflow_bert_service.settings.settings import Settings


class BatchScoringOperator(BaseOperator):
    """Scores the texts of the run's data date, and emits an event of the asset of the scores.

    A day's scores are one file, which replaces the day's earlier one in one step; a task that fails or is killed leaves
    the day as it was. A row that cannot be scored is in the file with its error. It changes no version, and asks no
    model server: the command ``tfx_modules.scoring`` loads the version itself.

    Args:
        settings: The Airflow side's settings: feed, ledger, where models and scores are.
        pipeline: The pipeline's name.
        module_root: The folder that holds the ``tfx_modules`` to use.
        asset: What stands for the scores, see :func:`airflow_bert_service.promotion.asset.scores_asset`.
        model: ``live``, ``live_on_date`` or a version's number, templated.
    """

    always_returns = True
    template_fields: Sequence[str] = ("model",)
    ui_color = "#d9d2e9"

    def __init__(
        self, *, settings: Settings, pipeline: str, module_root: Path, asset: Asset, model: str, **kwargs: Any
    ) -> None:
        super().__init__(outlets=[asset], **kwargs)
        self.settings = settings
        self.pipeline = pipeline
        self.module_root = module_root
        self.asset = asset
        self.model = model
        self._scoring: DayScoring | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Score the day.

        Returns:
            JSON values: ``day``, ``file``, ``rows``, ``labels`` and ``errors`` (numbers of rows), ``version``,
            ``digest``, ``engine`` and ``seconds``; the asset's event has them, too.

        Raises:
            AirflowFailException: The run's conf has something else than the form, its data date is none, or there is no
                such version; trying again cannot help.
            MissingDayError: The feed has no row of the day.
            FeedError: The feed cannot be read.
            ScoringError: The scoring command failed, or was cancelled.
        """
        with recording_failure(context, self.execution_timeout):
            check_conf_of(context)
            try:
                report = self._score(context)
            except (DataDateError, SettingsError, ScoringRefusedError) as error:
                raise AirflowFailException(str(error)) from error
        self.log.info("%s", report.line)
        self.log.info("%s, by %s, in %.1f s", report.file, report.engine, report.seconds)
        context["outlet_events"][self.asset].extra = report.to_json()
        leave_annotation(context, VERDICT, report.line)
        return report.to_json()

    def on_kill(self) -> None:
        """Stop the scoring command; ``execute`` resumes after it, and raises."""
        if self._scoring is not None:
            self._scoring.cancel()

    def _score(self, context: Context) -> ScoringReport:
        day = data_date(facts_from(context))
        self._scoring = DayScoring(self.settings, self.pipeline, self.module_root, self._log_line)
        return self._scoring.score(day, self.model)

    def _log_line(self, line: str) -> None:
        found = read_log_line(line)
        self.log.log(found.level, "%s", found.text)
