"""Write the data of two tutorials: made-up support tickets, or reviews of products with their stars.

``python3 data/make_examples.py tickets my_data`` writes ``tickets.csv`` and ``tickets-holdout-v1.csv`` into the folder
``my_data``, the same bytes every time. The phrases are in ``examples/``. It needs no packages.
"""

import argparse
import csv
import datetime as dt
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PHRASES = Path(__file__).resolve().parent / "examples"
FIRST_DAY = dt.date(2026, 10, 16)
DAYS = 21
HOLDOUT_ROWS = 240
_CHOICE = re.compile(r"\{([^}]*)\}")


@dataclass(frozen=True)
class Example:
    """What an example's file looks like."""

    id: str
    """Beginning of an id."""
    columns: tuple[str, str, str, str]
    """Names of the columns of id, date, text and label."""
    rows_a_day: int
    seed: int


EXAMPLES: Mapping[str, Example] = {
    "tickets": Example(id="T-", columns=("id", "created", "text", "category"), rows_a_day=56, seed=20261116),
    "stars": Example(id="R-", columns=("id", "date", "review", "stars"), rows_a_day=55, seed=20261117),
}


def read_phrases(name: str) -> Mapping[str, Sequence[str]]:
    """Read an example's phrases by their section: ``open``, ``close``, and each label."""
    sections: dict[str, list[str]] = {}
    for line in (PHRASES / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            sections[line.strip("[]")] = []
        elif line and not line.startswith("#"):
            sections[list(sections)[-1]].append(line)
    return sections


def texts(name: str, draw: random.Random) -> Iterator[tuple[str, str]]:
    """Make up texts with their labels, as many of each label, without end; none comes twice."""
    phrases = read_phrases(name)
    labels = [section for section in phrases if section not in ("open", "close")]
    seen = set()
    while True:
        for label in draw.sample(labels, len(labels)):
            text = _text(phrases, label, draw)
            while text in seen:
                text = _text(phrases, label, draw)
            seen.add(text)
            yield text, label


def _text(phrases: Mapping[str, Sequence[str]], label: str, draw: random.Random) -> str:
    parts = draw.sample(phrases["open"], draw.randint(0, 2))
    parts += draw.sample(phrases[label], draw.randint(1, 2))
    parts += draw.sample(phrases["close"], draw.randint(0, 2))
    return _CHOICE.sub(lambda found: draw.choice(found[1].split("|")), " ".join(parts))


def write(name: str, folder: Path) -> tuple[Path, Path]:
    """Write an example's file, and its holdout, whose texts are not in the file; return both.

    Raises:
        OSError: A file cannot be written.
    """
    example = EXAMPLES[name]
    found = texts(name, random.Random(example.seed))  # noqa: S311 - it guards nothing, and has to draw the same again
    holdout = [(f"H-{number:03d}", FIRST_DAY.isoformat(), *next(found)) for number in range(1, HOLDOUT_ROWS + 1)]
    rows = [
        (
            f"{example.id}{day * example.rows_a_day + number:05d}",
            (FIRST_DAY + dt.timedelta(days=day)).isoformat(),
            *next(found),
        )
        for day in range(DAYS)
        for number in range(1, example.rows_a_day + 1)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    files = folder / f"{name}.csv", folder / f"{name}-holdout-v1.csv"
    for file, lines in zip(files, (rows, holdout)):  # noqa: B905 - Python 3.8 has no `strict`
        with file.open("w", encoding="utf-8", newline="") as handle:
            table = csv.writer(handle, lineterminator="\n")
            table.writerow(example.columns)
            table.writerows(lines)
    return files


def main() -> None:
    """Write the example that the command names."""
    parser = argparse.ArgumentParser(description="Write the data of a tutorial.")
    parser.add_argument("example", choices=sorted(EXAMPLES), help="which one")
    parser.add_argument("folder", type=Path, help="folder to write to")
    flags = parser.parse_args()
    for file in write(flags.example, flags.folder):
        rows = sum(1 for _ in file.open(encoding="utf-8")) - 1
        print(f"Wrote {file}: {rows} rows.")


if __name__ == "__main__":
    main()
