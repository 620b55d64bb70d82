"""Reads the files of ``data/phrases``, which made-up reviews are put together from."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from airflow_bert_service.exceptions import PhraseError

POOL_SHARES = {"plain": 0.65, "idiom": 0.1, "turned": 0.13, "contrast": 0.04, "negation": 0.04, "irony": 0.04}
"""The pools of opinions, and how often the feed draws from each for a review of several sentences."""
LONE_SHARES = {"plain": 0.25, "idiom": 0.05, "turned": 0.1, "contrast": 0.15, "negation": 0.2, "irony": 0.25}
"""The same for a review that is one opinion alone: what its label is about is that sentence."""


@dataclass(frozen=True)
class Verdict:
    """One opinion frame in its two members."""

    positive: str
    negative: str

    def member(self, sentiment: str) -> str:
        """Pick the member of a class."""
        return self.positive if sentiment == "positive" else self.negative


@dataclass(frozen=True)
class Phrases:
    """Everything in the folder of phrases."""

    words: dict[str, list[str]]
    fillers: dict[str, list[str]]
    verdicts: dict[str, list[Verdict]]


def read_phrases(folder: Path) -> Phrases:
    """Read the three files of phrases in a folder.

    Raises:
        PhraseError: A file is missing, a verdict lacks a member, or a line stands outside any group.
    """
    words = {
        slot: [entry.strip() for line in lines for entry in line.split(" | ")]
        for slot, lines in _groups(folder / "words.txt").items()
    }
    verdicts: dict[str, list[Verdict]] = {}
    for group, lines in _groups(folder / "verdicts.txt").items():
        pool = group.split()[0]
        if pool not in POOL_SHARES:
            raise PhraseError(f"verdicts.txt [{group}]: the pool is {pool!r}; allowed: {', '.join(POOL_SHARES)}.")
        verdicts.setdefault(pool, []).extend(_pairs(group, lines))
    return Phrases(words, _groups(folder / "plots.txt"), verdicts)


def _groups(file: Path) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    lines: list[str] | None = None
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise PhraseError(f"{file} cannot be read: {error}. Put it back.") from error
    for line in text.splitlines():
        if line.startswith("["):
            lines = groups.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            if lines is None:
                raise PhraseError(f"{file.name}: {line!r} stands before the first [group]; put it under one.")
            lines.append(line)
    return groups


def _pairs(kind: str, lines: list[str]) -> Iterator[Verdict]:
    for positive, negative in zip(lines[::2], lines[1::2], strict=True):
        if not (positive.startswith("+ ") and negative.startswith("- ")):
            raise PhraseError(
                f"verdicts.txt [{kind}]: got {positive!r}, {negative!r}; a pair is a + line, then a - line."
            )
        yield Verdict(positive[2:], negative[2:])
