"""Defines the operator that fails a run whose nodes have failed."""

from typing import Any

from airflow.sdk import BaseOperator, Context, TriggerRule
from airflow.sdk.exceptions import AirflowFailException

from airflow_bert_service.runs.running_task import failed_among


class FailedNodesOperator(BaseOperator):
    """Fails a run when one of its nodes has failed; is skipped when none has.

    For Airflow, a run is as its last tasks are. Where one of these runs after nodes that have failed, the run would be
    successful; for TFX it has failed.

    Args:
        kwargs: Arguments of Airflow's operators.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"retries": 0, **kwargs, "trigger_rule": TriggerRule.ONE_FAILED})

    def execute(self, context: Context) -> None:
        """Fail with the names of the tasks that have failed up to now.

        Raises:
            AirflowFailException: Always.
        """
        failed = failed_among(self.upstream_task_ids, context)
        raise AirflowFailException(f"nodes have failed: {', '.join(failed)}. Their logs say why.")
