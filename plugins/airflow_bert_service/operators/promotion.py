"""Defines the operator that records and announces the result of a run."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator, Context

from airflow_bert_service.clients.ledger import LedgerClient, PromotionEnvironment
from airflow_bert_service.notifiers.dispatcher import DeliveryRetryPolicy
from airflow_bert_service.operators.announcement import announce, run_end
from airflow_bert_service.promotion.events import EventKind, RunEnd
from airflow_bert_service.runs.annotations import FAILURE, VERDICT, annotation_store
from airflow_bert_service.runs.result import TaskEnd, explain
from airflow_bert_service.runs.running_task import lacks_result, leave_annotation, states_of
from airflow_bert_service.settings.settings import Settings


class PromotionNotifyOperator(BaseOperator):
    """Announces the result of a run, promoted or not, with its reason: on the run's note, in its log, to the channels.

    The ledger of promotions has the run's verdict. Where it has none because the run ended earlier, this operator
    derives the reason from the run's tasks, and records it in the ledger. It decides nothing. It ends with making the
    served folder follow the ledger: what a push left undone, of whichever run, is done a day later at most. Make it a
    teardown task (``.as_teardown()``): it then runs whatever the state of the other tasks, and does not change the
    run's state.

    Each channel is notified of an event once, also when the task runs again. The task fails when a channel could not be
    notified.

    Args:
        settings: The Airflow side's settings: ledger, channels, length of the window.
        pipeline: The pipeline's name.
        module_root: The folder that holds the ``tfx_modules`` of the run.
        refresh_task_id: The task whose result has the window's first day.
        delivery_retry_policy: How often a channel is tried.
    """

    template_fields: Sequence[str] = ()
    ui_color = "#d9ead3"

    def __init__(
        self,
        *,
        settings: Settings,
        pipeline: str,
        module_root: Path,
        refresh_task_id: str = "refresh_data",
        delivery_retry_policy: DeliveryRetryPolicy | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.settings = settings
        self.pipeline = pipeline
        self.module_root = module_root
        self.refresh_task_id = refresh_task_id
        self.delivery_retry_policy = delivery_retry_policy

    def execute(self, context: Context) -> dict[str, Any]:
        """Look up or record the run's event, and announce it.

        Returns:
            The event as JSON values.

        Raises:
            NotificationError: A channel was not notified.
            PromotionCommandError: The ledger cannot be used, or the served folder cannot follow it.
        """
        client = LedgerClient(PromotionEnvironment.of(self.module_root, self.settings, self.pipeline))
        event = client.verdict(dag_id=self.dag_id, run_id=context["run_id"]) or client.record(self._end(context))
        if event.final or event.kind is not EventKind.BLOCKED:
            # The data gate has put its line on the note already.
            leave_annotation(context, VERDICT, event.line)
        announce(event, client, self.settings, context, self.delivery_retry_policy)
        return event.to_json()

    def _end(self, context: Context) -> RunEnd:
        refreshed = context["ti"].xcom_pull(task_ids=self.refresh_task_id) or {}
        kind, reason = explain(self._tasks(context))
        end = run_end(context, self.settings, kind, reason)
        if "first_day" in refreshed:
            return replace(end, first_day=dt.date.fromisoformat(refreshed["first_day"]))
        return end

    def _tasks(self, context: Context) -> list[TaskEnd]:
        states = states_of(context)
        upstream = self.get_flat_relative_ids(upstream=True)
        return [self._end_of(name, states.get(name), context) for name in self.dag.task_ids if name in upstream]

    def _end_of(self, task_id: str, state: str | None, context: Context) -> TaskEnd:
        end = TaskEnd(task_id=task_id, state=state)
        if end.failed:
            left = annotation_store().of_task(self.dag_id, context["run_id"], task_id)
            return replace(end, verdict=left.get(VERDICT, ""), failure=left.get(FAILURE, ""))
        marked = state == "success" and lacks_result(self.dag.get_task(task_id), context)
        return replace(end, by_hand=marked)
