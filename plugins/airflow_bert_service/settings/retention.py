"""What goes after a while: its settings, what the retention command is asked for, and what it answers.

The command is ``tfx_modules.retention``; it is the one that knows what must stay.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_bert_service.database_url import database_url
from airflow_bert_service.exceptions import RetentionError, SettingsError
from airflow_bert_service.settings import parsing as read
from airflow_bert_service.settings.parsing import SECTION

if TYPE_CHECKING:
    from airflow_bert_service.settings.settings import Settings

FORMAT = 1


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

    def __post_init__(self) -> None:
        """Check the lower limits."""
        for name, value in asdict(self).items():
            read.at_least(name, value, 0)

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
    return RetentionSettings(**{name: read.integer(name, given[name]) for name in names})


@dataclass(frozen=True, kw_only=True)
class RetentionRequest:
    """What the command is asked for; it goes to its standard input."""

    rules: RetentionSettings
    ledger: str = field(repr=False)  # may hold a password
    metadata: str = field(repr=False)  # likewise
    models: Path
    pipeline: Path
    spans: Path
    logs: tuple[Path, ...]

    @classmethod
    def of(cls, settings: "Settings", logs: Iterable[Path]) -> "RetentionRequest":
        """Take from the settings what concerns retention.

        Args:
            settings: The Airflow side's settings.
            logs: Folders of logs (:func:`airflow_bert_service.settings.log_folders.log_folders`).

        Raises:
            SettingsError: A database is a connection that Airflow does not have.
        """
        return cls(
            rules=settings.retention,
            ledger=database_url(settings.ledger),
            metadata=database_url(settings.metadata),
            models=settings.models,
            pipeline=settings.pipeline_root,
            spans=settings.spans,
            logs=tuple(logs),
        )

    def to_json(self) -> str:
        """Return the request's text."""
        places = {name: str(getattr(self, name)) for name in ("ledger", "metadata", "models", "pipeline", "spans")}
        return json.dumps({"format": FORMAT, "rules": asdict(self.rules), **places, "logs": list(map(str, self.logs))})


@dataclass(frozen=True, kw_only=True)
class RetentionReport:
    """What has gone; after a dry run, what would go."""

    dry_run: bool
    table: str
    """A line for each thing, with its kind, age, size and the reason; and the totals."""
    totals: Mapping[str, Mapping[str, int]]
    """``count`` and ``bytes`` by kind, and of ``all``."""

    def to_xcom(self) -> dict[str, object]:
        """Return the totals as JSON values, and whether it was a dry run."""
        return {"dry_run": self.dry_run, **{kind: dict(total) for kind, total in self.totals.items()}}


def read_report(text: str) -> RetentionReport:
    """Read what the command printed.

    Raises:
        RetentionError: It is no report.
    """
    try:
        found = json.loads(text)
        totals = {
            str(kind): {name: int(total[name]) for name in ("count", "bytes")}
            for kind, total in found["totals"].items()
        }
        return RetentionReport(dry_run=bool(found["dry_run"]), table=str(found["table"]), totals=totals)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RetentionError(
            f"tfx_modules.retention printed something else than a report ({type(error).__name__}: {error}). Use a "
            "tfx_modules of the same version as the plugin."
        ) from error
