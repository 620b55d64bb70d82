"""Reads the request of the retention command: its rules, and the databases and folders that they are about."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from tfx_modules.common.program import program
from tfx_modules.retention.exceptions import RetentionError

FORMAT = 1
_PATHS = ("models", "pipeline", "spans")
_ADDRESSES = ("ledger", "metadata")
_LOGS = "logs"


@dataclasses.dataclass(frozen=True, kw_only=True)
class RetentionRules:
    """How much of each kind is kept; 0: all of it."""

    keep_versions: int
    """Versions that were in service, beside the live, the previous and the pinned ones; the newest stay."""
    keep_span_days: int
    """Days of reviews, by their date."""
    keep_span_versions: int
    """Versions of each day's reviews; the newest stay."""
    keep_artifact_days: int
    """Days that a run's artifacts and rows are kept after its last change."""
    keep_log_days: int
    """Days that a log file is kept after its last line."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Places:
    """The databases and folders that retention is about. Paths are absolute."""

    ledger: str = dataclasses.field(repr=False)  # may hold a password
    """Address of the ledger."""
    metadata: str = dataclasses.field(repr=False)  # likewise
    """Address of the ML Metadata store."""
    models: Path
    """The served folder."""
    pipeline: Path
    """Where TFX keeps artifacts."""
    spans: Path
    """Where reviews are kept, a folder a day."""
    logs: tuple[Path, ...]
    """Folders of logs that are removed by age; not those of running processes."""


def read_request(text: str) -> tuple[RetentionRules, Places]:
    """Read the request.

    Args:
        text: a JSON object with ``format`` (1), ``rules`` (an object of whole numbers), ``ledger``, ``metadata``,
            ``models``, ``pipeline``, ``spans`` (texts) and ``logs`` (a list of texts).

    Raises:
        RetentionError: it is something else. The message repeats no value, since one may hold a password.
    """
    names = [field.name for field in dataclasses.fields(RetentionRules)]
    try:
        fields = json.loads(text)
        rules = fields["rules"]
        good = sorted(fields) == sorted(("format", "rules", _LOGS, *_PATHS, *_ADDRESSES))
        good = good and fields["format"] == FORMAT and sorted(rules) == sorted(names)
        good = good and all(type(rules[name]) is int and rules[name] >= 0 for name in names) and _has_places(fields)
    except (ValueError, TypeError, KeyError):
        good = False
    if not good:
        raise RetentionError(
            f"standard input is not a request of format {FORMAT}; allowed: a JSON object of format, rules (whole "
            f"numbers from 0: {', '.join(names)}), the addresses {', '.join(_ADDRESSES)}, the absolute paths "
            f"{', '.join(_PATHS)}, and {_LOGS} (a list of absolute paths). Run "
            f"{program('bert-service retention')}, which sends one."
        )
    return RetentionRules(**rules), _places(fields)


def _places(fields: dict[str, Any]) -> Places:
    return Places(
        ledger=fields["ledger"],
        metadata=fields["metadata"],
        models=Path(fields["models"]),
        pipeline=Path(fields["pipeline"]),
        spans=Path(fields["spans"]),
        logs=tuple(map(Path, fields[_LOGS])),
    )


def _has_places(fields: dict[str, Any]) -> bool:
    paths = [*(fields[name] for name in _PATHS), *fields[_LOGS]]
    texts = [*paths, *(fields[name] for name in _ADDRESSES)]
    good = isinstance(fields[_LOGS], list) and all(isinstance(text, str) for text in texts)
    return good and all(Path(path).is_absolute() for path in paths)
