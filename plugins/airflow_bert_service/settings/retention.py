"""Settings of what is kept of what runs leave behind: the keys ``keep_*`` of ``[bert_service]``."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.settings import parsing as read
from airflow_bert_service.settings.parsing import SECTION

_SHARE = "keep_max_removed_share"


@dataclass(frozen=True, kw_only=True)
class RetentionSettings:
    """How much is kept of what runs leave behind; they are keys of ``[bert_service]``. 0 keeps all of it."""

    keep_versions: int = 5
    """Versions of the model, beside the live, the previous and the pinned ones; those of the newest data stay."""
    keep_span_days: int = 0
    """Days of reviews, by their date; ``window_days`` or more, for a run's window needs them."""
    keep_span_versions: int = 0
    """Versions of each day of reviews; the newest stay, and what a run has read whose artifacts stay."""
    keep_artifact_days: int = 30
    """Days that the artifacts and metadata of a run stay after its last change; those of versions that stay, always."""
    keep_log_days: int = 30
    """Days that a task's log stays after its last line."""
    keep_max_removed_share: float = 0.5
    """The largest share of each kind, over 0 and up to 1, that may go at once; ten of a kind always may."""

    def __post_init__(self) -> None:
        """Check the limits."""
        for name, value in asdict(self).items():
            if name != _SHARE:
                read.at_least(name, value, 0)
        if not 0 < self.keep_max_removed_share <= 1:
            raise SettingsError(
                f"[{SECTION}] {_SHARE} is {self.keep_max_removed_share}; allowed: over 0 and up to 1. Set it to a "
                "share like 0.5, or leave it out."
            )

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


def retention_from(given: Mapping[str, str]) -> RetentionSettings:
    """Make the settings of texts.

    Args:
        given: Texts by key, none of them empty. Keys of other settings are passed over.

    Raises:
        SettingsError: A value is not allowed.
    """
    names = [setting.name for setting in fields(RetentionSettings) if setting.name in given]
    values: dict[str, Any] = {
        name: read.number(name, given[name]) if name == _SHARE else read.integer(name, given[name]) for name in names
    }
    return RetentionSettings(**values)
