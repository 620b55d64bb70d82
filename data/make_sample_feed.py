"""Write the sample feed: made-up film reviews, about 70 a day for 24 days, the same bytes every time.

Run it from anywhere: ``python data/make_sample_feed.py`` rewrites ``sample_reviews.csv`` beside it, and the feed's
holdout, 400 reviews that are not in it, in ``holdout/``. The sentences are
in ``phrases/``; README.md tells how a review is put together. Only the standard library is used, and no ``random``,
whose helpers may draw differently in another Python version.
"""

import argparse
import csv
import datetime as dt
import hashlib
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

HERE = Path(__file__).parent
OUTPUT = HERE / "sample_reviews.csv"
HOLDOUT = HERE / "holdout" / "sample-v1.csv"
COLUMNS = ("id", "date", "review", "sentiment")
SENTIMENTS = ("positive", "negative")
FIRST_DAY = dt.date(2026, 10, 16)
DAYS = 24
SEED = 20261016
HOLDOUT_COLUMNS = ("review", "sentiment")
HOLDOUT_SIZE = 400
HOLDOUT_SEED = 20261015

_FEWEST_A_DAY, _MOST_A_DAY = 66, 76
_POOL_SHARES = {"plain": 0.78, "idiom": 0.1, "turned": 0.12}
_LEAD_SHARE = 0.25
_ONE_SENTENCE = re.compile(r"[^.?!\"{][^.?!\"]*\.")
_SLOT = re.compile(r"\{(\w+)\}")
_ARTICLE = re.compile(r"\b([Aa]) (?=[\"']?(?:[aeio]|u(?!ni(?![mn])|s)|88|hour|honest))", re.IGNORECASE)
_PLURAL = re.compile(r"(?<=comed)ys\b|(?<=stor)ys\b")
_SENTENCE = re.compile(r"(^|[.?!] |[.?!]\n+|[.?!](?:<br />)+|^\"|[.?!] \")([a-zà-ÿ])")

T = TypeVar("T")


class PhraseError(ValueError):
    """A file in phrases/ cannot be read as one."""


class Draw:
    """An endless series of draws that depends on the seed only: SHA-256 of the seed and a counter."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._count = 0

    def share(self) -> float:
        """Draw a number in [0, 1)."""
        self._count += 1
        digest = hashlib.sha256(f"{self._seed}:{self._count}".encode()).digest()
        return int.from_bytes(digest[:6], "big") / (1 << 48)

    def below(self, end: int) -> int:
        """Draw a whole number in [0, end)."""
        return int(self.share() * end)

    def one(self, items: Sequence[T]) -> T:
        """Draw one of the items."""
        return items[self.below(len(items))]

    def order(self, items: Sequence[T]) -> list[T]:
        """Shuffle the items into a new list."""
        return [item for _, item in sorted(((self.share(), item) for item in items), key=lambda pair: pair[0])]


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
    """Everything in phrases/."""

    words: dict[str, list[str]]
    fillers: dict[str, list[str]]
    verdicts: dict[str, list[Verdict]]


def read_phrases(folder: Path = HERE / "phrases") -> Phrases:
    """Read the three phrase files.

    Raises:
        PhraseError: a verdict lacks a member, or a line stands outside any group.
    """
    words = {
        slot: [entry.strip() for line in lines for entry in line.split(" | ")]
        for slot, lines in _groups(folder / "words.txt").items()
    }
    verdicts: dict[str, list[Verdict]] = {}
    for group, lines in _groups(folder / "verdicts.txt").items():
        pool = group.split()[0]
        if pool not in _POOL_SHARES:
            raise PhraseError(f"verdicts.txt [{group}]: the pool is {pool!r}; allowed: {', '.join(_POOL_SHARES)}.")
        verdicts.setdefault(pool, []).extend(_pairs(group, lines))
    return Phrases(words, _groups(folder / "plots.txt"), verdicts)


def _groups(file: Path) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    lines: list[str] | None = None
    for line in file.read_text(encoding="utf-8").splitlines():
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


class Scene:
    """One review's cast and setting: names stay the same throughout, other words do not come twice."""

    _FIXED = ("hero", "he", "his", "him", "rival", "place", "job", "genre", "era", "work", "film", "time")

    def __init__(self, words: dict[str, list[str]], draw: Draw) -> None:
        self._words = words
        self._draw = draw
        self._used: set[str] = set()
        hero = draw.one(words["hero"]).split("/")
        self._fixed = dict(zip(("hero", "he", "his", "him"), hero, strict=True))

    def fill(self, frame: str) -> str:
        """Put words into a frame's slots and mend its articles and capitals."""
        text = _SLOT.sub(lambda match: self._word(match[1]), frame)
        text = _PLURAL.sub("ies", _ARTICLE.sub(r"\1n ", text))
        return text[0].upper() + text[1:] if text[0] != '"' else '"' + text[1].upper() + text[2:]

    def _word(self, slot: str) -> str:
        name = slot.rstrip("2")
        if slot in self._fixed:
            return self._fixed[slot]
        if name in ("he", "his", "him"):
            return self._fixed[name]
        word = self._fresh(name)
        if slot in self._FIXED:
            self._fixed[slot] = word
        return word

    def _fresh(self, name: str) -> str:
        unused = [word for word in self._words[name] if word not in self._used]
        word = self._draw.one(unused or self._words[name])
        self._used.add(word)
        return _SLOT.sub(lambda match: self._word(match[1]), word)


class Writer:
    """Puts reviews together."""

    def __init__(self, phrases: Phrases, draw: Draw) -> None:
        self._phrases = phrases
        self._draw = draw

    def review(self, sentiment: str) -> str:
        """Write one review of a class."""
        scene = Scene(self._phrases.words, self._draw)
        plots, asides, verdicts = self._shape()
        opinions = [self._led(pair.member(sentiment)) for pair in self._opinions(verdicts)]
        neutral = self._neutral("plot", plots) + self._neutral("aside", asides)
        frames = self._mix(neutral, opinions) if verdicts > 2 else self._frame(neutral, opinions)
        return self._join([capitals(scene.fill(frame)) for frame in frames])

    def _opinions(self, count: int) -> list[Verdict]:
        found: dict[Verdict, None] = {}
        while len(found) < count:
            found[self._draw.one(self._phrases.verdicts[self._pool()])] = None
        return list(found)

    def _pool(self) -> str:
        left = self._draw.share()
        for pool, share in _POOL_SHARES.items():
            left -= share
            if left < 0:
                return pool
        return pool

    def _frame(self, neutral: list[str], opinions: list[str]) -> list[str]:
        """Put the first opinion anywhere, the other one last."""
        cut = self._draw.below(len(neutral) + 1)
        return [*neutral[:cut], opinions[0], *neutral[cut:], *opinions[1:]]

    def _mix(self, neutral: list[str], opinions: list[str]) -> list[str]:
        """Open with an opinion, end with one, shuffle the others in among the neutral sentences."""
        places = sorted(self._draw.order(range(len(neutral) + len(opinions) - 2))[: len(neutral)])
        middle = opinions[1:-1]
        for place, sentence in zip(places, neutral, strict=True):
            middle.insert(place, sentence)
        return [opinions[0], *middle, opinions[-1]]

    def _led(self, frame: str) -> str:
        """Give some of the one-sentence opinions a lead-in that says nothing of the class."""
        if self._draw.share() > _LEAD_SHARE or not _ONE_SENTENCE.fullmatch(frame):
            return frame
        lower = frame if frame.startswith(("I ", "I'")) else frame[0].lower() + frame[1:]
        return "{lead} " + lower

    def _shape(self) -> tuple[int, int, int]:
        """Draw how many plot sentences, asides and opinions a review has."""
        size = self._draw.share()
        few = self._draw.below(2)
        if size < 0.1:
            return 0, 0, 1
        if size < 0.38:
            return 1 - few * self._draw.below(2), few, 1
        if size < 0.76:
            return self._draw.below(2), few, 2
        if size < 0.96:
            return 1 + self._draw.below(3), 1 + few, 2
        return 2 + self._draw.below(4), 2 + self._draw.below(5), 3 + self._draw.below(5)

    def _neutral(self, kind: str, count: int) -> list[str]:
        found: dict[str, str] = {}
        for line in self._draw.order(self._phrases.fillers[kind]):
            tag, text = line.split(" ", 1) if line.startswith("@") else (line, line)
            found.setdefault(tag, text)
        return list(found.values())[:count]

    def _join(self, sentences: list[str]) -> str:
        style = self._draw.share()
        if len(sentences) > 1 and style < 0.12:
            cut = 1 + self._draw.below(len(sentences) - 1)
            gap = "<br /><br />" if style < 0.07 else "\n\n"
            return " ".join(sentences[:cut]) + gap + " ".join(sentences[cut:])
        return " ".join(sentences)


def capitals(text: str) -> str:
    """Begin every sentence with a capital letter."""
    return _SENTENCE.sub(lambda match: match[1] + match[2].upper(), text)


def rows(seed: int = SEED) -> Iterator[tuple[str, str, str, str]]:
    """Make the feed's rows, day by day."""
    draw = Draw(seed)
    writer = Writer(read_phrases(), draw)
    seen: set[str] = set()
    for day in range(DAYS):
        date = (FIRST_DAY + dt.timedelta(days=day)).isoformat()
        size = _FEWEST_A_DAY + draw.below(_MOST_A_DAY - _FEWEST_A_DAY)
        for sentiment in draw.order([SENTIMENTS[(n + day) % 2] for n in range(size)]):
            review = _unseen(writer, sentiment, seen)
            yield f"s-{len(seen):06d}", date, review, sentiment


def holdout_rows() -> Iterator[tuple[str, str]]:
    """Make the holdout's rows, a positive and a negative one by turns; no text is in the feed, however it is spaced."""
    writer = Writer(read_phrases(), Draw(HOLDOUT_SEED))
    seen = {normalised(review) for _, _, review, _ in rows()}
    for number in range(HOLDOUT_SIZE):
        sentiment = SENTIMENTS[number % 2]
        yield _unseen(writer, sentiment, seen, normalised), sentiment


def normalised(review: str) -> str:
    """Return what reviews have in common that are the same but for white space, and upper and lower case."""
    return " ".join(review.split()).casefold()


def _unseen(writer: Writer, sentiment: str, seen: set[str], key: Callable[[str], str] = str) -> str:
    while key(review := writer.review(sentiment)) in seen:
        pass
    seen.add(key(review))
    return review


def render(seed: int = SEED) -> bytes:
    """Make the feed's bytes."""
    return _csv(COLUMNS, rows(seed))


def render_holdout() -> bytes:
    """Make the holdout's bytes."""
    return _csv(HOLDOUT_COLUMNS, holdout_rows())


def _csv(columns: Sequence[str], lines: Iterable[Sequence[str]]) -> bytes:
    """Make a file's bytes: UTF-8, lines end in LF."""
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(columns)
    table.writerows(lines)
    return text.getvalue().encode("utf-8")


def main() -> None:
    """Write both files."""
    parser = argparse.ArgumentParser(description="Rewrite the sample feed and its holdout.")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the feed's file (default: %(default)s)")
    parser.add_argument("--holdout", type=Path, default=HOLDOUT, help="the holdout's file (default: %(default)s)")
    flags = parser.parse_args()
    for file, content in ((flags.output, render()), (flags.holdout, render_holdout())):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


if __name__ == "__main__":
    main()
