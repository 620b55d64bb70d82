"""Defines the operator that emits an event of the asset that stands for the champion."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow.sdk import Asset, BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_bert_service.clients.ledger import LedgerClient, PromotionEnvironment
from airflow_bert_service.promotion.asset import promotions_of
from airflow_bert_service.promotion.events import EventKind, PromotionEvent
from airflow_bert_service.runs.mode import MODE, Mode
from airflow_bert_service.runs.running_task import WITHOUT_VERDICT, recording_failure, states_of
from airflow_bert_service.settings.settings import Settings

IN_SERVICE = frozenset({EventKind.PROMOTED, EventKind.ROLLED_BACK})
"""Kinds of events after which another version is in service."""
CLOCKS_DIFFER = dt.timedelta(days=1)
"""How far the ledger's clock may be ahead of the one of Airflow's database."""


class PromotedModelOperator(BaseOperator):
    """Emits an event of the model's asset when the run put a model in service; is skipped when it did not.

    The event's extra is the ledger's event: version, data date, champion before, metrics, kind ... Airflow stores the
    asset event in the transaction in which the task succeeds, and the task looks for an earlier one: so there is one
    for each promotion, also when the task is cleared, or killed at any moment. It does not notify the channels;
    :class:`PromotionNotifyOperator <airflow_bert_service.operators.promotion.PromotionNotifyOperator>` does.

    Make it a teardown task that counts (``.as_teardown(on_failure_fail_dagrun=True)``): it fails where the run should
    have a verdict in the ledger and has none. Airflow derives a run's state from its last tasks alone, and would end
    some failed runs as a success: one that a user marks failed, whose other tasks are skipped, and one with the mode
    ``data_only`` that the data gate blocked.

    Args:
        settings: The Airflow side's settings.
        pipeline: The pipeline's name.
        module_root: The folder that holds the ``tfx_modules`` of the run.
        asset: What stands for the model in service, see :func:`airflow_bert_service.promotion.asset.model_asset`.
    """

    template_fields: Sequence[str] = ()
    ui_color = "#b6d7a8"

    def __init__(self, *, settings: Settings, pipeline: str, module_root: Path, asset: Asset, **kwargs: Any) -> None:
        # As an inlet: only tasks that have it as one may look at an asset's events.
        super().__init__(inlets=[asset], outlets=[promotions_of(asset)], **kwargs)
        self.settings = settings
        self.pipeline = pipeline
        self.module_root = module_root
        self.asset = asset

    def execute(self, context: Context) -> dict[str, Any]:
        """Look up the run's verdict in the ledger, and emit the asset event.

        Returns:
            The ledger's event as JSON values.

        Raises:
            AirflowSkipException: The run put no model in service.
            AirflowFailException: The run has no verdict, and is not a completed run with the mode ``data_only``.
            PromotionCommandError: The ledger cannot be used.
        """
        with recording_failure(context, self.execution_timeout):
            return self._emit(context)

    def _emit(self, context: Context) -> dict[str, Any]:
        client = LedgerClient(PromotionEnvironment.of(self.module_root, self.settings, self.pipeline))
        event = client.verdict(dag_id=self.dag_id, run_id=context["run_id"])
        if event is None:
            self._check_data_only(context)
        if event is None or event.kind not in IN_SERVICE:
            raise AirflowSkipException(event.line if event else "the run has no verdict: it trained no model")
        if self._has_event(event, context):
            self.log.info("an earlier try has added this event to the asset %s: %s", self.asset.name, event.title)
        else:
            context["outlet_events"][promotions_of(self.asset)].add(self.asset, extra=event.to_json())
        self.log.info("%s", event.line)
        return event.to_json()

    def _has_event(self, event: PromotionEvent, context: Context) -> bool:
        mark = (event.position, event.at.isoformat())
        events = context["inlet_events"][self.asset].after((event.at - CLOCKS_DIFFER).isoformat())
        extras = (found.extra or {} for found in events)
        return mark in [(extra.get("position"), extra.get("at")) for extra in extras]

    def _check_data_only(self, context: Context) -> None:
        """Fail a run without a verdict, unless its mode is ``data_only`` and the data gate passed."""
        states = states_of(context)
        passed = any(states.get(name) == "success" for name in self.upstream_task_ids)
        failed = sorted(name for name in self.get_flat_relative_ids(upstream=True) if states.get(name) == "failed")
        if context["params"].get(MODE) != Mode.DATA_ONLY.value or failed or not passed:
            raise AirflowFailException(f"{WITHOUT_VERDICT}; failed: {', '.join(failed) or 'no task'}")
