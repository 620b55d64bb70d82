"""Formats the end of a log for the terminal."""

import json
from collections import deque
from pathlib import Path

LINES = 30
FOLDS = ("::group::", "::endgroup::")  # how Airflow marks what its UI folds away


def last_lines(path: Path, count: int = LINES) -> str:
    """Return the last `count` lines of a log, indented; a note where there is no such file."""
    if not path.exists():
        return f"  (no log was written: {path})"
    with path.open(errors="replace") as file:
        lines = deque((line.rstrip() for line in file if not any(fold in line for fold in FOLDS)), maxlen=count)
    return "\n".join(f"  {readable(line)}" for line in lines)


def readable(line: str) -> str:
    """Return the text of a line of a task's log, which Airflow writes as JSON; other lines as they are."""
    try:
        record = json.loads(line)
    except json.JSONDecodeError:
        return line
    if not isinstance(record, dict) or "event" not in record:
        return line
    errors = record.get("error_detail") or []
    details = [f"{error.get('exc_type', 'error')}: {error.get('exc_value', '')}" for error in errors]
    if record.get("reason"):  # of a skipped task
        details.append(str(record["reason"]))
    return " | ".join([f"{str(record.get('level', '')).upper():<7} {record['event']}", *details])
