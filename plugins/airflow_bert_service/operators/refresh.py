"""Defines the operator that fetches the reviews that a run trains on."""

import datetime as dt
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException

from airflow_bert_service.exceptions import BadInputError, DataDateError, HoldoutError, MissingDayError, SettingsError
from airflow_bert_service.feeds import Feed, make_feed, screen
from airflow_bert_service.ingestion.holdout import Holdout, find_holdout, to_json
from airflow_bert_service.ingestion.span_store import Span, SpanStore
from airflow_bert_service.pipeline.task import BINARY_SENTIMENT, Task
from airflow_bert_service.pipeline.version import PipelineVersion
from airflow_bert_service.runs.conf import check_conf_of
from airflow_bert_service.runs.data_date import Window, data_date, facts_from
from airflow_bert_service.runs.sources import other_sources
from airflow_bert_service.runs.xcom import recording_failure
from airflow_bert_service.settings.row_rules import labels_for
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
            JSON values: ``data_date``; ``first_day`` and ``days`` of the window; ``gaps``, the days that are missing by
            permission; ``rows``, its number of reviews; ``rejected``, its number of rows that cannot be used, by
            reason; ``input_base``, the folder of spans; ``start_span`` and ``end_span``, span numbers;
            ``range_config``, the same as TFX's JSON; ``span_versions``, JSON with the version of each day's span, or
            null for a gap; ``holdout``, JSON with ``name``, ``path`` and ``sha256`` of the reviews that are never
            trained on, or ``{}``.

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
                return self._refresh(data_date(facts_from(context)))
            except (DataDateError, BadInputError, HoldoutError, SettingsError) as error:
                raise AirflowFailException(str(error)) from error

    def _refresh(self, day: dt.date) -> dict[str, object]:
        feed = make_feed(self.settings)
        window = self._window(Window.ending(day, days=self.settings.window_days), feed)
        spans = self._write(window, feed)
        written = [span for span in spans.values() if span]
        holdout = find_holdout(self.settings, self.task)
        self._log_holdout(holdout)
        return {
            "data_date": day.isoformat(),
            "first_day": window.first_day.isoformat(),
            "days": len(window),
            "gaps": [day.isoformat() for day, span in spans.items() if span is None],
            "rows": sum(span.manifest.rows for span in written),
            "rejected": dict(sum((Counter(span.manifest.rejected) for span in written), Counter())),
            "input_base": str(self.settings.spans),
            "start_span": window.start_span,
            "end_span": window.end_span,
            "range_config": window.range_config,
            "span_versions": json.dumps({str(day): span and span.version for day, span in spans.items()}),
            "holdout": to_json(holdout),
        }

    def _log_version(self, context: Context) -> None:
        unknown = "not known: the DAG file does not name it, or an earlier release compiled the pipeline"
        self.log.info("pipeline version %s", self.version or unknown)
        if other := other_sources(getattr(context["ti"], "bundle_instance", None)):
            self.log.warning(
                "the sources on disk are another version, %s, which this run does not use; once it is in service, new "
                "runs do",
                other,
            )

    def _log_holdout(self, holdout: Holdout | None) -> None:
        if holdout:
            self.log.info("holdout %s: %s, SHA-256 %s", holdout.name, holdout.path, holdout.sha256)
        else:
            self.log.info("no holdout: models are judged on the eval split only; [bert_service] holdout can name one")

    def _window(self, wanted: Window, feed: Feed) -> Window:
        # A data date before the feed's first day stays in the window, so that the feed raises its error for that day.
        window = wanted.clipped(min(feed.first_day, wanted.last_day))
        days = "the window has %d days of feed %s, from %s to the data date %s"
        self.log.info(days, len(window), feed.name, window.first_day, window.last_day)
        if window.first_day == feed.first_day != wanted.first_day:
            begins = "feed %s begins on %s, so the window has fewer than %d days"
            self.log.info(begins, feed.name, feed.first_day, len(wanted))
        return window

    def _write(self, window: Window, feed: Feed) -> dict[dt.date, Span | None]:
        store = SpanStore(self.settings.spans, self.settings.rules.max_bad_share)
        gaps = self.settings.allowed_gaps - {window.last_day}
        labels = labels_for(self.task, self.settings.rules.labels)
        return {day: self._write_day(store, day, feed, labels, may_be_missing=day in gaps) for day in window}

    def _write_day(
        self, store: SpanStore, day: dt.date, feed: Feed, labels: Mapping[str, str], *, may_be_missing: bool
    ) -> Span | None:
        rows = screen(feed.delivered(day), day=day, labels=labels)
        try:
            span = store.write(day, rows, source=feed.name)
        except MissingDayError as missing:
            if not may_be_missing:
                raise
            self.log.warning("day %s has no reviews, as [bert_service] allowed_gaps permits: %s", day, missing)
            return None
        self.log.info(
            "span %s has %d reviews: version %d, %s", day, span.manifest.rows, span.version, span.change.value
        )
        if span.manifest.rejected:
            reasons = ", ".join(f"{reason} {count}" for reason, count in span.manifest.rejected.items())
            self.log.warning("span %s has rejected rows, listed in its quarantine.jsonl: %s", day, reasons)
        return span
