"""Reads the request of the retention command: its rules, and the databases and folders that they are about."""

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from tfx_modules.common.program import program
from tfx_modules.retention.exceptions import RetentionError

FORMAT = 3
_PATHS = ("models", "pipeline", "spans", "scores")
_ADDRESSES = ("ledger", "metadata")
_NAME = "name"
_LOGS = "logs"
_STORE = "artifact_store"
_SHARE = "keep_max_removed_share"


@dataclass(frozen=True, kw_only=True)
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
    keep_score_days: int
    """Days that the scores of a day are kept after they were written."""
    keep_log_days: int
    """Days that a log file is kept after its last line."""
    keep_max_removed_share: float
    """The largest share of each kind that one retention may remove; more than 0, up to 1."""


@dataclass(frozen=True, kw_only=True)
class Places:
    """The databases and folders that retention is about. Paths are absolute."""

    ledger: str = field(repr=False)  # may hold a password
    """Address of the ledger."""
    metadata: str = field(repr=False)  # likewise
    """Address of the ML Metadata store."""
    name: str
    """The pipeline's name, the key of its events in the ledger."""
    models: Path
    """The served folder."""
    pipeline: Path
    """Where TFX keeps artifacts."""
    spans: Path
    """Where reviews are kept, a folder a day."""
    scores: Path
    """Where scores are kept, a folder a day."""
    logs: tuple[Path, ...]
    """Folders of logs that are removed by age; not those of running processes."""
    artifact_store: str = ""
    """Address that artifacts are kept at; empty: they are in ``pipeline`` alone."""


def read_request(text: str) -> tuple[RetentionRules, Places]:
    """Read the request.

    Args:
        text: a JSON object with ``format`` (3), ``rules`` (an object of whole numbers and a share), ``ledger``,
            ``metadata``, ``name``, ``models``, ``pipeline``, ``spans``, ``scores`` (texts) and ``logs`` (a list of
            texts); it may have ``artifact_store`` (a text).

    Raises:
        RetentionError: it is something else. The message repeats no value, since one may hold a password.
    """
    names = [item.name for item in fields(RetentionRules) if item.name != _SHARE]
    try:
        values = json.loads(text)
        rules = values["rules"]
        good = sorted({_STORE: "", **values}) == sorted(("format", "rules", _NAME, _LOGS, _STORE, *_PATHS, *_ADDRESSES))
        good = good and values["format"] == FORMAT and sorted(rules) == sorted([*names, _SHARE])
        good = good and _has_rules(rules) and _has_places(values)
    except (ValueError, TypeError, KeyError):
        good = False
    if not good:
        raise RetentionError(
            f"standard input is not a request of format {FORMAT}; allowed: a JSON object of format, rules (whole "
            f"numbers from 0: {', '.join(names)}; {_SHARE} is a number above 0 and up to 1), the addresses "
            f"{', '.join(_ADDRESSES)}, {_NAME} (the pipeline's), the absolute paths {', '.join(_PATHS)}, and {_LOGS} "
            f"(a list of absolute paths); it may have the address {_STORE}. Run {program('bert-service retention')}, "
            "which sends one."
        )
    return RetentionRules(**rules), _places(values)


def _has_rules(rules: dict[str, Any]) -> bool:
    share = rules[_SHARE]
    counts = [value for name, value in rules.items() if name != _SHARE]
    return all(type(count) is int and count >= 0 for count in counts) and is_share(share)


def is_share(value: object) -> bool:
    """Return whether a value is a share that may go: a number above 0 and up to 1."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= 1


def _places(values: dict[str, Any]) -> Places:
    return Places(
        ledger=values["ledger"],
        metadata=values["metadata"],
        name=values[_NAME],
        models=Path(values["models"]),
        pipeline=Path(values["pipeline"]),
        spans=Path(values["spans"]),
        scores=Path(values["scores"]),
        logs=tuple(map(Path, values[_LOGS])),
        artifact_store=values.get(_STORE, ""),
    )


def _has_places(values: dict[str, Any]) -> bool:
    paths = [*(values[name] for name in _PATHS), *values[_LOGS]]
    texts = [*paths, values[_NAME], values.get(_STORE, ""), *(values[name] for name in _ADDRESSES)]
    good = isinstance(values[_LOGS], list) and all(isinstance(text, str) for text in texts)
    return good and all(Path(path).is_absolute() for path in paths)
