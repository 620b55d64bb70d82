"""Defines the operator that removes old versions, artifacts, spans and logs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator, Context, Param

from airflow_bert_service.clients.retention import RetentionClient, RetentionRequest
from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.settings.log_folders import log_folders
from airflow_bert_service.settings.settings import Settings

DRY_RUN = "{{ (dag_run.conf or {}).get('dry_run', dag_run.run_type == 'manual') }}"
"""Template: the run's parameter ``dry_run``; without it, a manual run is a dry run and a scheduled one is not."""
_BOOLEANS: Mapping[str, bool] = {"True": True, "False": False}


def retention_parameters() -> dict[str, Param]:
    """Return the fields of the trigger form."""
    text = "List what would be removed, and remove nothing. Scheduled runs always remove it."
    return {"dry_run": Param(default=True, type="boolean", title="Dry run", description=text)}


class RetentionOperator(BaseOperator):
    """Removes versions, artifacts with their metadata, spans and logs that the settings ``keep_*`` do not keep.

    The log has a table of what was removed, and why. The command ``tfx_modules.retention`` decides, not the operator.

    Args:
        settings: The Airflow side's settings: rules, databases and folders.
        pipeline: The pipeline's name.
        module_root: The folder that holds ``tfx_modules``.
        is_dry_run: ``True`` or ``False``: whether to report only what would be removed.
    """

    template_fields: Sequence[str] = ("is_dry_run",)
    ui_color = "#e6e0d4"

    def __init__(
        self, *, settings: Settings, pipeline: str, module_root: Path, is_dry_run: str = DRY_RUN, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.settings = settings
        self.pipeline = pipeline
        self.module_root = module_root
        self.is_dry_run = is_dry_run
        self._client: RetentionClient | None = None

    def execute(self, context: Context) -> dict[str, object]:
        """Run the retention command.

        Returns:
            JSON values: ``dry_run``, and by kind and for ``all`` how many were removed (``count``) and their ``bytes``.

        Raises:
            RetentionError: The command failed, or the task was cancelled; the next run continues.
            SettingsError: ``is_dry_run`` is neither, or the TFX environment has no Python where the settings say.
        """
        del context
        if self.is_dry_run not in _BOOLEANS:
            raise SettingsError(
                f"is_dry_run became {self.is_dry_run!r}; allowed: {', '.join(_BOOLEANS)}. Correct the run's parameters."
            )
        request = RetentionRequest.of(self.settings, self.pipeline, log_folders(self.settings, self.pipeline))
        self._client = RetentionClient(tfx_python=self.settings.tfx_python, module_root=self.module_root)
        report = self._client.run(request, dry_run=_BOOLEANS[self.is_dry_run])
        for line in report.table.splitlines():
            self.log.info("%s", line)
        return report.to_xcom()

    def on_kill(self) -> None:
        """Stop the retention command; ``execute`` resumes after it, and raises."""
        if self._client is not None:
            self._client.cancel()
