"""Defines the operator that records and announces the result of a run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator, Context

from airflow_bert_service.clients.ledger import LedgerClient, PromotionEnvironment
from airflow_bert_service.notifiers.dispatcher import DeliveryRetryPolicy, NotificationDispatcher
from airflow_bert_service.promotion.events import EventKind, RunEnd
from airflow_bert_service.runs.data_date import Window, data_date, facts_from
from airflow_bert_service.runs.result import TaskEnd, explain
from airflow_bert_service.runs.xcom import FAILURE, VERDICT, push_annotation, states_of
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
            DataDateError: The run's data date is not a date.
        """
        client = LedgerClient(PromotionEnvironment.of(self.module_root, self.settings, self.pipeline))
        event = client.verdict(dag_id=self.dag_id, run_id=context["run_id"]) or client.record(self._end(context))
        if event.final or event.kind is not EventKind.BLOCKED:
            # The data gate has put its line on the note already.
            push_annotation(context, VERDICT, event.line)
        try:
            NotificationDispatcher(client, self.settings.notifications, self.delivery_retry_policy).announce(
                event, context
            )
        finally:
            self.log.info("%s", event.line)
            client.settle()
        return event.to_json()

    def _end(self, context: Context) -> RunEnd:
        day = data_date(facts_from(context))
        refreshed = context["ti"].xcom_pull(task_ids=self.refresh_task_id) or {}
        first_day = Window.ending(day, days=self.settings.window_days).first_day
        kind, reason = explain(self._tasks(context))
        return RunEnd(
            kind=kind,
            dag_id=self.dag_id,
            run_id=context["run_id"],
            data_date=day,
            first_day=first_day if "first_day" not in refreshed else day.fromisoformat(refreshed["first_day"]),
            reason=reason,
            actor=context["dag_run"].triggering_user_name or context["dag_run"].run_type.value,
        )

    def _tasks(self, context: Context) -> list[TaskEnd]:
        task, states = context["ti"], states_of(context)
        upstream = self.get_flat_relative_ids(upstream=True)
        ends = [TaskEnd(task_id=name, state=states.get(name)) for name in self.dag.task_ids if name in upstream]
        return [self._with_annotations(task, end) if end.failed else end for end in ends]

    def _with_annotations(self, task: Any, end: TaskEnd) -> TaskEnd:
        pulled = {key: task.xcom_pull(task_ids=end.task_id, key=key) for key in (VERDICT, FAILURE)}
        return TaskEnd(
            task_id=end.task_id, state=end.state, verdict=pulled[VERDICT] or "", failure=pulled[FAILURE] or ""
        )
