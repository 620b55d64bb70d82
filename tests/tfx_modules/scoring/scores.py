"""Reads files of scores, and makes rows of them."""

import json
from pathlib import Path
from typing import Any

from pyarrow import parquet

from tfx_modules.scoring.rows import Provenance, Score, ScoredRow, Text

PROVENANCE = Provenance(2026110401, "c0de" * 16, "TensorFlow (as exported)")


def row(number: int, *, text_id: str | None = "a", score: float = 0.75) -> ScoredRow:
    return ScoredRow(Text(number, text_id, "A fine film."), Score("positive", score))


def read(file: Path) -> list[dict[str, Any]]:
    """The rows of a file of either format, in its order."""
    if file.suffix == ".jsonl":
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    rows = parquet.read_table(file, partitioning=None).to_pylist()
    return [{**each, "scores": each["scores"] and dict(each["scores"])} for each in rows]


def files_of(folder: Path) -> list[str]:
    """The files below the folder of scores, the lock left out."""
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in found if name != ".staging/lock")
