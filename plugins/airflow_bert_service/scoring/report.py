"""Reads what the scoring command prints."""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from airflow_bert_service.exceptions import ScoringError


@dataclass(frozen=True, kw_only=True)
class ScoringReport:
    """What was written of a day's scores."""

    day: dt.date
    file: str
    rows: int
    """All rows, those that were not scored with them."""
    labels: Mapping[str, int]
    """Number of rows by the label that the model gave."""
    errors: Mapping[str, int]
    """Number of rows that were not scored, by error."""
    version: int
    digest: str
    """Of the version's files, as the ledger has it."""
    engine: str
    seconds: float
    """From the first text to the last row."""

    @property
    def line(self) -> str:
        """The report in one line, for the run's note: ``scored 248 of 250 texts of 2026-11-05 with ...``."""
        labels = ", ".join(f"{count} {label}" for label, count in self.labels.items())
        errors = ", ".join(f"{error} {count}" for error, count in self.errors.items())
        scored = self.rows - sum(self.errors.values())
        told = f"scored {scored} of {self.rows} texts of {self.day} with {self.version}" + (
            f": {labels}" if labels else ""
        )
        return told + (f"; not scored: {errors}" if errors else "")

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {**asdict(self), "day": str(self.day), "labels": dict(self.labels), "errors": dict(self.errors)}


def read_report(text: str, day: dt.date) -> ScoringReport:
    """Read what the command printed.

    Args:
        text: Its standard output.
        day: The day that was scored.

    Raises:
        ScoringError: The text is not a report.
    """
    try:
        found = json.loads(text)
        return ScoringReport(
            day=day,
            file=str(found["file"]),
            rows=int(found["rows"]),
            labels={str(name): int(count) for name, count in found["labels"].items()},
            errors={str(name): int(count) for name, count in found["errors"].items()},
            version=int(found["version"]),
            digest=str(found["digest"]),
            engine=str(found["engine"]),
            seconds=float(found["seconds"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ScoringError(
            f"tfx_modules.scoring printed something else than a report ({type(error).__name__}: {error}). Use a "
            "tfx_modules of the same version as the plugin."
        ) from error
