"""Defines the operator that puts another version in service."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator, Context, Param
from airflow.sdk.exceptions import AirflowFailException

from airflow_bert_service.clients.ledger import LedgerClient, PromotionEnvironment, Rollback
from airflow_bert_service.installation import command
from airflow_bert_service.promotion.events import PromotionEvent
from airflow_bert_service.runs.conf import check_conf_of, remedy
from airflow_bert_service.runs.data_date import FIRST, LAST
from airflow_bert_service.runs.running_task import recording_failure
from airflow_bert_service.settings.settings import Settings

LONGEST_REASON = 500
"""Characters of the reason of a rollback: it is a line of the ledger, of messages and of a command."""
_NO_VERSION = ("", "None")
_FIRST_VERSION, _LAST_VERSION = int(f"{FIRST:%Y%m%d}01"), int(f"{LAST:%Y%m%d}99")


def rollback_parameters() -> dict[str, Param]:
    """Return the fields of the trigger form, with their limits."""
    return {
        "version": Param(
            default=None,
            type=["null", "integer"],
            minimum=_FIRST_VERSION,
            maximum=_LAST_VERSION,
            title="Version",
            description="The version to put in service, like 2026110501. Empty: the one that was in service before.",
            **remedy(f"a version like 2026110501, or null; `{command('models history')}` lists them"),
        ),
        "reason": Param(
            default="",
            type="string",
            minLength=1,
            maxLength=LONGEST_REASON,
            pattern=r"\S",
            title="Reason",
            description="Why you roll back. The ledger and the notifications have it.",
            **remedy(f"a text of 1 to {LONGEST_REASON} characters that is not blank"),
        ),
    }


class RollbackOperator(BaseOperator):
    """Rolls back to a version, and waits until the model servers of the setting ``model_servers`` serve it.

    A run rolls back once: a retry of its task finds the rollback in the ledger, and waits again. It trains nothing and
    notifies no channel; put :class:`~airflow_bert_service.operators.promotion.PromotionNotifyOperator` after it.

    Args:
        settings: The Airflow side's settings.
        pipeline: The pipeline's name.
        module_root: The folder that holds the ``tfx_modules`` to use.
        version: The version to put in service, templated; empty or ``None``: the one that was there before.
        reason: Why, in one line, templated.
    """

    always_returns = True
    template_fields: Sequence[str] = ("version", "reason")
    ui_color = "#f9cb9c"

    def __init__(
        self, *, settings: Settings, pipeline: str, module_root: Path, version: str, reason: str, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.settings = settings
        self.pipeline = pipeline
        self.module_root = module_root
        self.version = version
        self.reason = reason

    def execute(self, context: Context) -> dict[str, Any]:
        """Roll back to the version.

        Returns:
            The ledger's event as JSON values.

        Raises:
            AirflowFailException: The version is not a number, or the run's conf has something else than the form;
                trying again cannot help.
            PromotionCommandError: There is no such version, its files have changed, or a server does not serve it.
        """
        with recording_failure(context, self.execution_timeout):
            check_conf_of(context)
            event = self._roll_back(context)
        self.log.info("%s", event.line)
        return event.to_json()

    def _roll_back(self, context: Context) -> PromotionEvent:
        client = LedgerClient(PromotionEnvironment.of(self.module_root, self.settings, self.pipeline))
        return client.roll_back(
            Rollback(
                reason=self.reason,
                actor=context["dag_run"].triggering_user_name or str(context["dag_run"].run_type),
                dag_id=self.dag_id,
                run_id=context["run_id"],
                version=self._version(),
            )
        )

    def _version(self) -> int | None:
        if self.version in _NO_VERSION:
            return None
        if not self.version.isdecimal():
            raise AirflowFailException(
                f"version is {self.version!r}; allowed: a number like 2026110501, or nothing for the version before. "
                f"Trigger again with one of these; `{command('models history')}` lists them."
            )
        return int(self.version)
