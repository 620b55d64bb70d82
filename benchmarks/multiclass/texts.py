"""Writes and reads files of texts with the numbers of their labels; imports the standard library only."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple


class Texts(NamedTuple):
    """Texts, and the number of each one's label."""

    texts: list[str]
    labels: list[int]


def write(path: Path, rows: Iterable[tuple[str, int]]) -> None:
    """Write texts with the numbers of their labels."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def read(path: Path) -> Texts:
    """Read what ``write`` has written."""
    csv.field_size_limit(1 << 24)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    return Texts([text for text, _ in rows], [int(label) for _, label in rows])
