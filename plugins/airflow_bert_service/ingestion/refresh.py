"""Updates the spans of a run's window from the feed: what the task ``refresh_data`` does, and a run without Airflow."""

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol

from airflow_bert_service.exceptions import MissingDayError
from airflow_bert_service.feeds import Feed, make_feed, screen
from airflow_bert_service.feeds.readers.reviews import Review
from airflow_bert_service.feeds.readers.screening import Rejected
from airflow_bert_service.ingestion.holdout import Holdout, find_holdout, to_json
from airflow_bert_service.ingestion.sets_of_labels import label_sets
from airflow_bert_service.ingestion.span_store import Span, SpanStore
from airflow_bert_service.pipeline.task import Task
from airflow_bert_service.runs.data_date import Window
from airflow_bert_service.settings.row_rules import labels_for
from airflow_bert_service.settings.settings import Settings

_Screen = Callable[..., Iterator[Review | Rejected]]


class Log(Protocol):
    """Takes messages with their arguments: Python's loggers, and those of Airflow's operators."""

    def info(self, message: str, /, *arguments: object) -> object:
        """Take a message."""

    def warning(self, message: str, /, *arguments: object) -> object:
        """Take a warning."""


class WindowRefresh:
    """Updates the span of each day of a window, and says which spans a run reads.

    It knows no run: :mod:`airflow_bert_service.runs.data_date` derives the day that a window ends with.

    Args:
        settings: The Airflow side's settings: feed, length of the window, where spans are.
        task: The pipeline's task, which has the labels of its reviews.
        log: Is told of each day.
    """

    def __init__(self, settings: Settings, task: Task, log: Log) -> None:
        self._settings = settings
        self._task = task
        self._log = log

    def refresh(self, day: dt.date) -> dict[str, object]:
        """Write the spans of the window that ends with a day.

        Args:
            day: The run's data date.

        Returns:
            JSON values: ``data_date``; ``first_day`` and ``days`` of the window; ``gaps``, the days that are missing by
            permission; ``rows``, its number of reviews; ``rejected``, its number of rows that cannot be used, by
            reason; ``input_base``, the folder of spans; ``start_span`` and ``end_span``, span numbers;
            ``range_config``, the same as TFX's JSON; ``span_versions``, JSON with the version of each day's span, or
            null for a gap; ``holdout``, JSON with ``name``, ``path`` and ``sha256`` of the reviews that are never
            trained on, or ``{}``.

        Raises:
            BadInputError: Too many of a day's rows cannot be used.
            HoldoutError: The holdout is missing or has changed.
            SettingsError: The setting ``labels`` does not fit the pipeline's labels.
            MissingDayError: The feed lacks a day of the window.
            FeedError: The feed cannot be read.
            OSError: A span could not be written, or the disk fails otherwise.
        """
        feed = make_feed(self._settings)
        window = self._window(Window.ending(day, days=self._settings.window_days), feed)
        spans = self._write(window, feed)
        written = [span for span in spans.values() if span]
        holdout = find_holdout(self._settings, self._task)
        self._log_holdout(holdout)
        return {
            "data_date": day.isoformat(),
            "first_day": window.first_day.isoformat(),
            "days": len(window),
            "gaps": [day.isoformat() for day, span in spans.items() if span is None],
            "rows": sum(span.manifest.rows for span in written),
            "rejected": dict(sum((Counter(span.manifest.rejected) for span in written), Counter())),
            "input_base": str(self._settings.spans),
            "start_span": window.start_span,
            "end_span": window.end_span,
            "range_config": window.range_config,
            "span_versions": json.dumps({str(day): span and span.version for day, span in spans.items()}),
            "holdout": to_json(holdout),
        }

    def _log_holdout(self, holdout: Holdout | None) -> None:
        if holdout:
            self._log.info("holdout %s: %s, SHA-256 %s", holdout.name, holdout.path, holdout.sha256)
        else:
            self._log.info("no holdout: models are judged on the eval split only; [bert_service] holdout can name one")

    def _window(self, wanted: Window, feed: Feed) -> Window:
        # A data date before the feed's first day stays in the window, so that the feed raises its error for that day.
        window = wanted.clipped(min(feed.first_day, wanted.last_day))
        days = "the window has %d days of feed %s, from %s to the data date %s"
        self._log.info(days, len(window), feed.name, window.first_day, window.last_day)
        if window.first_day == feed.first_day != wanted.first_day:
            begins = "feed %s begins on %s, so the window has fewer than %d days"
            self._log.info(begins, feed.name, feed.first_day, len(wanted))
        return window

    def _write(self, window: Window, feed: Feed) -> dict[dt.date, Span | None]:
        gaps = self._settings.allowed_gaps - {window.last_day}
        rules = self._settings.rules
        store = SpanStore(self._settings.spans, rules.max_bad_share, self._task.labels, self._task.has_sets)
        labels = labels_for(self._task, rules.labels)
        read = partial(screen, labels=labels, sets=label_sets(self._settings, self._task, labels))
        return {day: self._write_day(store, day, feed, read, may_be_missing=day in gaps) for day in window}

    def _write_day(
        self, store: SpanStore, day: dt.date, feed: Feed, read: _Screen, *, may_be_missing: bool
    ) -> Span | None:
        rows = read(feed.delivered(day), day=day)
        try:
            span = store.write(day, rows, source=feed.name)
        except MissingDayError as missing:
            if not may_be_missing:
                raise
            self._log.warning("day %s has no reviews, as [bert_service] allowed_gaps permits: %s", day, missing)
            return None
        self._log.info(
            "span %s has %d reviews: version %d, %s", day, span.manifest.rows, span.version, span.change.value
        )
        if span.manifest.rejected:
            reasons = ", ".join(f"{reason} {count}" for reason, count in span.manifest.rejected.items())
            self._log.warning("span %s has rejected rows, listed in its quarantine.jsonl: %s", day, reasons)
        return span
