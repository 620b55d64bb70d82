"""The operator that says whether a run's model went live."""

from collections.abc import Sequence
from typing import Any

from airflow.sdk import BaseOperator, Context

from bert_service.dates import data_date, facts_from
from bert_service.notifiers.webhook import WebhookNotifier
from bert_service.promotion import PromotionFacts, promotion_event


class PromotionNotifyOperator(BaseOperator):
    """Logs whether a run's model was promoted and why not if it was not; tells a webhook too where one is set.

    It only reports: a webhook that cannot be reached does not fail it, and it decides nothing. Give it the trigger rule
    ``none_failed``, so that it also reports on a skipped Pusher.

    Args:
        pusher_task_id: The task whose outcome says what was pushed.
        evaluator_task_id: The task whose outcome says whether the model was good enough.
        infra_validator_task_id: The task whose outcome says whether the model could be served.
        webhook_conn_id: Airflow HTTP connection of the webhook; empty: no webhook.
    """

    template_fields: Sequence[str] = ()
    ui_color = "#d9ead3"

    def __init__(
        self,
        *,
        pusher_task_id: str = "Pusher",
        evaluator_task_id: str = "Evaluator",
        infra_validator_task_id: str = "InfraValidator",
        webhook_conn_id: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pusher_task_id = pusher_task_id
        self.evaluator_task_id = evaluator_task_id
        self.infra_validator_task_id = infra_validator_task_id
        self.webhook_conn_id = webhook_conn_id

    def execute(self, context: Context) -> dict[str, object]:
        """Report.

        Returns:
            The event as JSON values, as the webhook gets it.

        Raises:
            OutcomeError: The Pusher says that it pushed, but not what or where.
        """
        event = promotion_event(self._facts(context))
        self.log.info("%s", event)
        if self.webhook_conn_id:
            WebhookNotifier(conn_id=self.webhook_conn_id, event=event)(context)
        return event.to_json()

    def _facts(self, context: Context) -> PromotionFacts:
        pull = context["ti"].xcom_pull
        return PromotionFacts(
            data_date=data_date(facts_from(context)),
            dag_id=context["dag_run"].dag_id,
            run_id=context["run_id"],
            pusher=pull(task_ids=self.pusher_task_id),
            gates=(pull(task_ids=self.evaluator_task_id), pull(task_ids=self.infra_validator_task_id)),
        )
