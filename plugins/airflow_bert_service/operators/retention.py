"""Defines the operator that removes old versions, artifacts, spans and logs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator, Context, Param

from airflow_bert_service.clients.retention import RetentionClient, RetentionFlags, RetentionRequest
from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.runs.conf import check_conf_of, remedy
from airflow_bert_service.runs.log_folders import log_folders
from airflow_bert_service.runs.running_task import recording_failure
from airflow_bert_service.settings.reading.limits import PositiveUpTo
from airflow_bert_service.settings.settings import Settings

DRY_RUN = "{{ (dag_run.conf or {}).get('dry_run', dag_run.run_type == 'manual') }}"
"""Template: the run's parameter ``dry_run``; without it, a manual run is a dry run and a scheduled one is not."""
MAX_REMOVED_SHARE = "{{ (dag_run.conf or {}).get('max_removed_share') or '' }}"
"""Template: the run's parameter ``max_removed_share``; empty without it, which is the setting."""
TRUST_CLOCK = "{{ (dag_run.conf or {}).get('trust_clock', False) }}"
"""Template: the run's parameter ``trust_clock``; without it, False."""
_BOOLEANS: Mapping[str, bool] = {"True": True, "False": False}


def retention_parameters() -> dict[str, Param]:
    """Return the fields of the trigger form."""
    text = "List what would be removed, and remove nothing. Scheduled runs always remove it."
    share = (
        "The largest share of each kind that this run may remove. Empty: the setting keep_max_removed_share. 1: all."
    )
    clock = "Go on although the machine's clock does not fit the newest events, executions and reviews."
    return {
        "dry_run": Param(default=True, type="boolean", title="Dry run", description=text, **remedy("true or false")),
        "max_removed_share": Param(
            default=None,
            type=["null", "number"],
            exclusiveMinimum=0,
            maximum=1,
            title="Largest share",
            description=share,
            **remedy("a number above 0 and up to 1, or null"),
        ),
        "trust_clock": Param(
            default=False, type="boolean", title="Trust the clock", description=clock, **remedy("true or false")
        ),
    }


class RetentionOperator(BaseOperator):
    """Removes versions, artifacts with their metadata, spans and logs that the settings ``keep_*`` do not keep.

    The log has a table of what was removed, and why. The command ``tfx_modules.retention`` decides, not the operator.

    Args:
        settings: The Airflow side's settings: rules, databases and folders.
        pipeline: The pipeline's name.
        module_root: The folder that holds ``tfx_modules``.
        is_dry_run: ``True`` or ``False``: whether to report only what would be removed.
        max_removed_share: The largest share of each kind that may go, as text; empty: the settings'.
        is_clock_trusted: ``True`` or ``False``: whether to go on where the machine's clock does not fit what was
            written last.
    """

    template_fields: Sequence[str] = ("is_dry_run", "max_removed_share", "is_clock_trusted")
    ui_color = "#e6e0d4"

    def __init__(
        self,
        *,
        settings: Settings,
        pipeline: str,
        module_root: Path,
        is_dry_run: str = DRY_RUN,
        max_removed_share: str = MAX_REMOVED_SHARE,
        is_clock_trusted: str = TRUST_CLOCK,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.settings = settings
        self.pipeline = pipeline
        self.module_root = module_root
        self.is_dry_run = is_dry_run
        self.max_removed_share = max_removed_share
        self.is_clock_trusted = is_clock_trusted
        self._client: RetentionClient | None = None

    def execute(self, context: Context) -> dict[str, object]:
        """Run the retention command.

        Returns:
            JSON values: ``dry_run``, and by kind and for ``all`` how many were removed (``count``) and their ``bytes``.

        Raises:
            RetentionError: The command failed, or the task was cancelled; the next run continues.
            SettingsError: A parameter is not allowed, or the TFX environment has no Python where the settings say.
            AirflowFailException: The run's conf has something else than the form; trying again cannot help.
        """
        with recording_failure(context, self.execution_timeout):
            check_conf_of(context)
            return self._remove(self._flags())

    def _remove(self, flags: RetentionFlags) -> dict[str, object]:
        request = RetentionRequest.of(self.settings, self.pipeline, log_folders(self.settings, self.pipeline))
        self._client = RetentionClient(tfx_python=self.settings.tfx_python, module_root=self.module_root)
        report = self._client.run(request, flags)
        for line in report.table.splitlines():
            self.log.info("%s", line)
        return report.to_xcom()

    def _flags(self) -> RetentionFlags:
        for name, value in (("is_dry_run", self.is_dry_run), ("is_clock_trusted", self.is_clock_trusted)):
            if value not in _BOOLEANS:
                raise SettingsError(
                    f"{name} became {value!r}; allowed: {', '.join(_BOOLEANS)}. Correct the run's parameters."
                )
        return RetentionFlags(
            dry_run=_BOOLEANS[self.is_dry_run],
            max_removed_share=_share(self.max_removed_share),
            trust_clock=_BOOLEANS[self.is_clock_trusted],
        )

    def on_kill(self) -> None:
        """Stop the retention command; ``execute`` resumes after it, and raises."""
        if self._client is not None:
            self._client.cancel()


def _share(text: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not PositiveUpTo(1).holds(value):
        raise SettingsError(
            f"max_removed_share became {text!r}; allowed: a number above 0 and up to 1, or nothing, which is the "
            "setting keep_max_removed_share. Correct the run's parameters."
        )
    return value
