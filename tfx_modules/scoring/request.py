"""Reads what the scoring command gets on standard input: lines of JSON.

The first line is the request, each following one a text, and the last one, ``{"end": 250}``, tells how many there were:
without it the sender has failed or was stopped, and nothing is written.
"""

import datetime as dt
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfx_modules.common.program import program
from tfx_modules.exceptions import BatchScoringError
from tfx_modules.scoring.file_formats import FileFormat
from tfx_modules.scoring.rows import Text

FORMAT = 1
LIVE = "live"
"""The version that is in service when scoring begins."""
LIVE_ON_DATE = "live_on_date"
"""The version that was in service at the end of the day (UTC)."""
END = "end"
_PATHS = ("models", "scores")
_TEXTS = ("day", "file_format", "ledger", "name", *_PATHS)


@dataclass(frozen=True, kw_only=True)
class ScoringRequest:
    """Which day is scored, with which version, and where the scores go. Paths are absolute."""

    day: dt.date
    model: str | int
    """``live``, ``live_on_date``, or a version's number."""
    file_format: FileFormat
    ledger: str = field(repr=False)  # may hold a password
    """Address of the ledger."""
    name: str
    """The pipeline's name, the key of its events in the ledger."""
    models: Path
    """The served folder."""
    scores: Path
    """The folder that has a folder for each day."""


def read_request(line: str) -> ScoringRequest:
    """Read the first line.

    Raises:
        BatchScoringError: it is no request. The message repeats no value, since one may hold a password.
    """
    try:
        values = json.loads(line)
        good = sorted(values) == sorted(("format", "model", *_TEXTS)) and values["format"] == FORMAT
        good = good and all(isinstance(values[name], str) for name in _TEXTS) and _is_choice(values["model"])
        good = good and all(Path(values[name]).is_absolute() for name in _PATHS)
        day, file_format = dt.date.fromisoformat(values["day"]), FileFormat(values["file_format"])
    except (ValueError, TypeError, KeyError, AttributeError):
        good = False
    if not good:
        raise BatchScoringError(
            f"the first line of standard input is not a request of format {FORMAT}; allowed: a JSON object of format, "
            f"day (a date), model ({LIVE}, {LIVE_ON_DATE} or a version's number), file_format "
            f"({', '.join(each.value for each in FileFormat)}), ledger (an address), name (the pipeline's), and the "
            f"absolute paths {', '.join(_PATHS)}. Run {program('bert-service score')}, which sends one."
        )
    return ScoringRequest(
        day=day,
        model=values["model"],
        file_format=file_format,
        ledger=values["ledger"],
        name=values["name"],
        models=Path(values["models"]),
        scores=Path(values["scores"]),
    )


def _is_choice(value: object) -> bool:
    return value in (LIVE, LIVE_ON_DATE) or (type(value) is int and value > 0)


def read_texts(lines: Iterable[str]) -> Iterator[Text]:
    """Yield the texts of the lines below the request.

    Raises:
        BatchScoringError: a line is neither a text nor the end, or the end is missing or has another number.
    """
    count = 0
    ended: int | None = None
    for number, line in enumerate(lines, start=2):
        values = _object(line)
        if ended is not None or values is None:
            raise BatchScoringError(
                f"line {number} of standard input is no text; allowed: a JSON object of row, id, text and error, "
                f'and {{"{END}": N}} as the last line. Nothing was written.'
            )
        if END in values:
            ended = values[END]
            continue
        count += 1
        yield Text(values["row"], values["id"], values["text"], values["error"])
    if ended != count:
        raise BatchScoringError(
            f"{count} texts came, and then {'no end' if ended is None else f'the end of {ended}'}: the sender has "
            "failed or was stopped. Nothing was written. Run again."
        )


def _object(line: str) -> dict[str, Any] | None:
    """Return a line's object; None where it is neither a text nor the end."""
    try:
        values = json.loads(line)
    except ValueError:
        return None
    if not isinstance(values, dict):
        return None
    if set(values) == {END}:
        return values if type(values[END]) is int else None
    good = set(values) == set(Text._fields) and type(values["row"]) is int and isinstance(values["text"], str)
    return values if good and all(isinstance(values[name], (str, type(None))) for name in ("id", "error")) else None
