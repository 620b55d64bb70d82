"""Settings of what is kept of what runs leave behind: the keys ``keep_*`` of ``[bert_service]``."""

import datetime as dt
from dataclasses import dataclass
from typing import Annotated

from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.settings.reading.declared import SettingsGroup
from airflow_bert_service.settings.reading.limits import AtLeast, PositiveUpTo
from airflow_bert_service.settings.reading.naming import SECTION


@dataclass(frozen=True, kw_only=True)
class RetentionSettings(SettingsGroup):
    """How much is kept of what runs leave behind; they are keys of ``[bert_service]``. 0 keeps all of it."""

    keep_versions: Annotated[int, AtLeast(0)] = 5
    """Versions of the model, beside the live, the previous and the pinned ones; those of the newest data stay."""
    keep_span_days: Annotated[int, AtLeast(0)] = 0
    """Days of reviews, by their date; ``window_days`` or more, for a run's window needs them."""
    keep_span_versions: Annotated[int, AtLeast(0)] = 0
    """Versions of each day of reviews; the newest stay, and what a run has read whose artifacts stay."""
    keep_artifact_days: Annotated[int, AtLeast(0)] = 30
    """Days that the artifacts and metadata of a run stay after its last change; those of versions that stay, always."""
    keep_score_days: Annotated[int, AtLeast(0)] = 0
    """Days that the scores of a day stay after they were written; not by their date, so that old days can be scored."""
    keep_log_days: Annotated[int, AtLeast(0)] = 30
    """Days that a task's log stays after its last line, and what the task left for people."""
    keep_max_removed_share: Annotated[float, PositiveUpTo(1)] = 0.5
    """The largest share of each kind of item that one retention may remove; it may always remove ten of a kind."""

    def check(self, window_days: int) -> None:
        """Check what depends on another setting.

        Raises:
            SettingsError: Days would go that the next run's window needs.
        """
        if 0 < self.keep_span_days < window_days:
            raise SettingsError(
                f"[{SECTION}] keep_span_days is {self.keep_span_days}, and window_days is {window_days}; allowed: 0 "
                "(all), or window_days and more, for a run's window needs them. Raise it, or leave it out."
            )

    def check_waiting_run(self, limit: dt.timedelta, wait: dt.timedelta) -> None:
        """Check that a run keeps its artifacts for as long as it waits for a person, and then goes on.

        Args:
            limit: The run's time limit, without the wait.
            wait: How long it may wait; zero: nobody is asked.

        Raises:
            SettingsError: Its model would be removed before.
        """
        kept, needed = dt.timedelta(days=self.keep_artifact_days), limit + wait
        if wait and kept and kept < needed:
            days = -(-needed // dt.timedelta(days=1))
            raise SettingsError(
                f"[{SECTION}] keep_artifact_days is {self.keep_artifact_days}, and a run takes up to {days} days: "
                f"max_run_minutes ({limit / dt.timedelta(minutes=1):g}) and then gate.approval_hours "
                f"({wait / dt.timedelta(hours=1):g}); allowed: 0 (all), or {days} and more, for retention would remove "
                "the model of a run that waits for a person. Raise it, or lower gate.approval_hours."
            )
