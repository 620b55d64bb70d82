"""Defines the callback that announces a run that Airflow stopped at its time limit."""

import logging
from pathlib import Path

from airflow.sdk import Context

from airflow_bert_service.clients.ledger import LedgerClient, PromotionEnvironment
from airflow_bert_service.notifiers.dispatcher import DeliveryRetryPolicy
from airflow_bert_service.operators.announcement import announce, run_end
from airflow_bert_service.promotion.events import EventKind
from airflow_bert_service.runs.failure import TIMED_OUT
from airflow_bert_service.runs.mode import MODE, Mode
from airflow_bert_service.runs.running_task import ADVICE, TIME_LIMIT
from airflow_bert_service.settings.settings import Settings

_logger = logging.getLogger(__name__)


class RunLimitCallback:
    """Records and announces the end of a run that reached its ``dagrun_timeout``; a DAG's ``on_failure_callback``.

    Airflow skips all tasks of such a run, also the one that announces its end, and calls the DAG's callback in the DAG
    processor. Runs that failed otherwise are left to that task. It is no notifier, and no task.

    Args:
        settings: The Airflow side's settings: ledger, channels, length of the window.
        pipeline: The pipeline's name.
        module_root: The folder that holds the ``tfx_modules`` of the run.
        delivery_retry_policy: How often a channel is tried.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        pipeline: str,
        module_root: Path,
        delivery_retry_policy: DeliveryRetryPolicy | None = None,
    ) -> None:
        self.settings = settings
        self.pipeline = pipeline
        self.module_root = module_root
        self.delivery_retry_policy = delivery_retry_policy

    def __call__(self, context: Context) -> None:
        """Announce the run's verdict, or that it was stopped; Airflow logs what is raised.

        Args:
            context: Airflow's for the callback; its task is the one that began last of those that had not ended.

        Raises:
            NotificationError: A channel was not notified.
            PromotionCommandError: The ledger cannot be used, or the served folder cannot follow it.
        """
        if context.get("reason") != TIMED_OUT:
            return
        if "dag_run" not in context:
            _logger.error("run %s was stopped at its time limit; Airflow does not say more", context["run_id"])
            return
        if context["params"].get(MODE) == Mode.DATA_ONLY.value:
            _logger.info("run %s was stopped at its time limit; it is for the data only", context["run_id"])
            return
        client = LedgerClient(PromotionEnvironment.of(self.module_root, self.settings, self.pipeline))
        run = context["dag_run"]
        event = client.verdict(dag_id=run.dag_id, run_id=context["run_id"]) or client.record(
            run_end(context, self.settings, EventKind.FAILED, self._reason(context))
        )
        announce(event, client, self.settings, context, self.delivery_retry_policy)

    def _reason(self, context: Context) -> str:
        limit = context["dag"].dagrun_timeout
        return f"{TIME_LIMIT}: the run may take {limit}, and was stopped in {context['ti'].task_id}. {ADVICE}"
