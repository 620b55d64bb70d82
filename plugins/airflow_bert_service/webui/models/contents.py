"""Gathers what the pages show, from the ledger, the model servers and the versions' folders. Knows nothing of HTTP."""

from collections.abc import Sequence
from typing import Any

from airflow_bert_service.clients.ledger import status_address
from airflow_bert_service.clients.model_status import ServerStatus, ask_servers
from airflow_bert_service.installation import dags_folder
from airflow_bert_service.pipeline.name import dag_ids, pipeline_name
from airflow_bert_service.promotion.events import JUDGED, EventKind, PromotionEvent
from airflow_bert_service.promotion.ledger_reader import HistoryQuery, InService, LedgerReader
from airflow_bert_service.promotion.measurements import (
    MeasuredSet,
    answered,
    engine,
    measured_sets,
    number,
    rejected_share,
    tflite,
)
from airflow_bert_service.promotion.version_files import card_of, folder_of, read_card, version_files
from airflow_bert_service.settings.database_url import database_url
from airflow_bert_service.settings.settings import Settings
from airflow_bert_service.webui.models.curves.layout import HEIGHT, WIDTH, curves_of
from airflow_bert_service.webui.models.curves.series import Topic, series_of

LARGEST_VERSION = 2**63 - 1


class ModelContents:
    """What the pages show, by the names that their templates use.

    Its methods raise:

    - LedgerReadError: the ledger cannot be read.
    - SettingsError: the ledger is a connection that Airflow does not have, or the pipeline has no allowed name.

    Args:
        settings: The Airflow side's settings: ledger, model servers, served folder. They are the same for all
            pipelines.
        further: The name of a further pipeline; empty: that of the DAGs folder.
    """

    def __init__(self, settings: Settings, further: str = "") -> None:
        self._settings = settings
        self._further = further

    def pipeline(self) -> str:
        """Return the pipeline's name; it is read each time, since ``settings.toml`` may change."""
        return self._further or pipeline_name(dags_folder(self._settings.root))

    def models(self, query: HistoryQuery) -> dict[str, Any]:
        """Return what the list shows.

        Args:
            query: Which page of the history.
        """
        pipeline = self.pipeline()
        reader = self._reader(pipeline)
        with reader.open() as ledger:
            live, history = ledger.in_service(), ledger.history(query)
        other = _other_than_compared(live)
        return {
            "pipeline": pipeline,
            "ledger": reader.name,
            "live": live,
            "engine": engine(live.promotion.metrics) if live and live.promotion else "",
            "measured": _measured(live.promotion if live else None),
            "before": {one.name: one.accuracy for one in _measured(other)},
            "before_version": other.version if other else None,
            "servers": self._servers(pipeline),
            "history": history,
            "query": query,
            "topics": _headings(live.promotion if live else None),
            "kinds": [(kind, history.counts.get(kind, 0)) for kind in EventKind],
        }

    def version(self, version: int) -> dict[str, Any] | None:
        """Return what a version's page shows; None: it never was in service."""
        pipeline = self.pipeline()
        with self._reader(pipeline).open() as ledger:
            found = ledger.version(version)
            if found is None:
                return None
        event = found.promotion
        measured = _measured(event)
        days = (event.data_date - event.first_day).days + 1 if event.data_date and event.first_day else None
        return {
            "pipeline": pipeline,
            "found": found,
            "days": days,
            "measured": measured,
            "discordant": [one for one in measured if one.only_candidate is not None and one.only_champion is not None],
            "size": number(event.metrics.get("bytes")),
            "latency": number(event.metrics.get("latency_ms")),
            "training": number(event.metrics.get("training_seconds")),
            "rejected": rejected_share(event.metrics),
            "engine": engine(event.metrics),
            "tflite": tflite(event.metrics),
            "approved": answered(event.metrics),
            "files": version_files(self._settings.models_of(pipeline), version),
            "has_card": card_of(self._settings.models_of(pipeline), version) is not None,
        }

    def card(self, version: int) -> bytes | None:
        """Return a version's model card, a page of HTML; None: it has none that can be read."""
        return read_card(self._settings.models_of(self.pipeline()), version)

    def curves(self, topic: Topic, days: int) -> dict[str, Any]:
        """Return what a page of curves shows.

        Args:
            topic: What the curves are about.
            days: How many data dates.
        """
        pipeline = self.pipeline()
        with self._reader(pipeline).open() as ledger:
            events = ledger.judged(days)
        drawn = {"curves": curves_of(series_of(topic, events)), "width": WIDTH, "height": HEIGHT, "kinds": JUDGED}
        topics = _headings(*events)
        return {"pipeline": pipeline, "topic": topic, "topics": topics, "days": days, **drawn}

    def live(self) -> int | None:
        """Return the version in service; None: none ever was."""
        with self._reader(self.pipeline()).open() as ledger:
            found = ledger.in_service()
        return found.event.version if found else None

    def roll_back(self) -> dict[str, Any]:
        """Return what the page of rollbacks shows."""
        pipeline = self.pipeline()
        with self._reader(pipeline).open() as ledger:
            live, past = ledger.in_service(), ledger.past_versions()
        served = self._settings.models_of(pipeline)
        candidates = [
            {
                "version": one.promotion.version,
                "promotion": one.promotion,
                "left_by_rollback": one.left_by_rollback,
                "has_folder": folder_of(served, int(one.promotion.version or 0)) is not None,
            }
            for one in past
        ]
        rollback_dag = dag_ids(pipeline).rollback
        return {"pipeline": pipeline, "live": live, "candidates": candidates, "rollback_dag": rollback_dag}

    def _reader(self, pipeline: str) -> LedgerReader:
        return LedgerReader(database_url(self._settings.ledger), pipeline)

    def _servers(self, pipeline: str) -> Sequence[ServerStatus]:
        return ask_servers([status_address(server, pipeline) for server in self._settings.model_servers])


def _measured(event: PromotionEvent | None) -> tuple[MeasuredSet, ...]:
    return measured_sets(event.metrics) if event else ()


def _headings(*events: PromotionEvent | None) -> dict[Topic, str]:
    """Return the topics of curves with their headings: accuracy is called as the first of the events calls it."""
    measures = (one.measure.capitalize() for event in events for one in _measured(event))
    headings = {topic: topic.heading for topic in Topic}
    return {**headings, Topic.ACCURACY: next(measures, headings[Topic.ACCURACY])}


def _other_than_compared(live: InService | None) -> PromotionEvent | None:
    """Return the promotion of the version that was in service before, unless the live one was compared with it.

    After a rollback it is another one than the champion of the time when the live version was judged.
    """
    if live is None or live.before is None or live.promotion is None:
        return None
    return None if live.before.version == live.promotion.champion else live.before
