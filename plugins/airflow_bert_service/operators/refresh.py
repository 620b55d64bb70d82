"""Defines the operator that fetches the reviews that a run trains on."""

from collections.abc import Sequence
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException

from airflow_bert_service.exceptions import BadInputError, DataDateError, HoldoutError, SettingsError
from airflow_bert_service.ingestion.refresh import WindowRefresh
from airflow_bert_service.pipeline.task import BINARY_SENTIMENT, Task
from airflow_bert_service.pipeline.version import PipelineVersion
from airflow_bert_service.runs.conf import check_conf_of
from airflow_bert_service.runs.data_date import data_date, facts_from
from airflow_bert_service.runs.running_task import recording_failure
from airflow_bert_service.runs.sources import other_sources
from airflow_bert_service.settings.settings import Settings


class DataRefreshOperator(BaseOperator):
    """Updates the span of every day of a run's window from the feed; returns the spans.

    The window ends with the run's data date (:mod:`airflow_bert_service.runs.data_date`) and has ``window_days``
    days, fewer when the feed began later. A day without reviews fails it, unless ``allowed_gaps`` has that day; the
    data date itself is never a gap. Rows that cannot be used go to a quarantine beside the span; a day with too many of
    them (``max_bad_share``) is not written at all. It does not train, and does not look at what reviews say.

    Args:
        settings: The Airflow side's settings: feed, window, where spans are.
        version: The version of the run's compiled pipeline, for the log; None: it is not known.
        task: The pipeline's task, which has the labels of its reviews.
    """

    always_returns = True
    template_fields: Sequence[str] = ()
    ui_color = "#d4e4f0"

    def __init__(
        self,
        *,
        settings: Settings,
        version: PipelineVersion | None = None,
        task: Task = BINARY_SENTIMENT,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.settings = settings
        self.version = version
        self.task = task

    def execute(self, context: Context) -> dict[str, object]:
        """Write the window's spans.

        Returns:
            What :meth:`airflow_bert_service.ingestion.refresh.WindowRefresh.refresh` returns.

        Raises:
            AirflowFailException: The run's conf has a key that is no parameter, its data date is not a date, too many
                of a day's rows cannot be used, the setting ``labels`` does not fit the pipeline's labels, or the
                holdout is missing or has changed; trying again cannot help.
            MissingDayError: The feed lacks a day of the window.
            FeedError: The feed cannot be read.
            OSError: A span could not be written, or the disk fails otherwise.
        """
        with recording_failure(context, self.execution_timeout):
            self._log_version(context)
            check_conf_of(context)
            try:
                return WindowRefresh(self.settings, self.task, self.log).refresh(data_date(facts_from(context)))
            except (DataDateError, BadInputError, HoldoutError, SettingsError) as error:
                raise AirflowFailException(str(error)) from error

    def _log_version(self, context: Context) -> None:
        unknown = "not known: the DAG file does not name it, or an earlier release compiled the pipeline"
        self.log.info("pipeline version %s", self.version or unknown)
        if other := other_sources(getattr(context["ti"], "bundle_instance", None)):
            self.log.warning(
                "the sources on disk are another version, %s, which this run does not use; once it is in service, new "
                "runs do",
                other,
            )
