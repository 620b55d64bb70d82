"""Puts made-up reviews together."""

import re
from collections.abc import Callable, Mapping, Sequence

from airflow_bert_service.feeds.made_up.draw import Draw
from airflow_bert_service.feeds.made_up.phrases import LONE_SHARES, POOL_SHARES, Phrases, Verdict

HOLDOUT_SIZES = (0.1, 0.38, 0.76, 0.96)
"""Shares of the reviews of the holdout: up to the first, an opinion alone; up to the second, one among up to two other
sentences; up to the third, two among up to two; up to the fourth, two among up to five; the others are longer."""
FEED_SIZES = (0.45, 0.62, 0.87, 0.975)
"""The same for the feed, which has more short reviews: a model learns what a sentence means from one that is alone."""

_LEAD_SHARE = 0.25
_ONE_SENTENCE = re.compile(r"[^.?!\"{][^.?!\"]*\.")
_SLOT = re.compile(r"\{(\w+)\}")
_ARTICLE = re.compile(r"\b([Aa]) (?=[\"']?(?:[aeio]|u(?!ni(?![mn])|s)|88|hour|honest))", re.IGNORECASE)
_PLURAL = re.compile(r"(?<=comed)ys\b|(?<=stor)ys\b")
_SENTENCE = re.compile(r"(^|[.?!] |[.?!]\n+|[.?!](?:<br />)+|^\"|[.?!] \")([a-zà-ÿ])")


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

    def __init__(
        self,
        phrases: Phrases,
        draw: Draw,
        shares: Mapping[str, float] = POOL_SHARES,
        lone_shares: Mapping[str, float] = LONE_SHARES,
        sizes: Sequence[float] = FEED_SIZES,
    ) -> None:
        """Set what is drawn from.

        Args:
            phrases: Words and sentences.
            draw: What draws.
            shares: How often each pool of opinions is.
            lone_shares: The same for reviews that are one opinion alone.
            sizes: How long reviews are.
        """
        self._phrases = phrases
        self._draw = draw
        self._shares = shares
        self._lone_shares = lone_shares
        self._sizes = sizes

    def review(self, sentiment: str) -> str:
        """Write one review of a class."""
        scene = Scene(self._phrases.words, self._draw)
        plots, asides, verdicts = self._shape()
        shares = self._shares if plots + asides + verdicts > 1 else self._lone_shares
        opinions = [self._led(pair.member(sentiment)) for pair in self._opinions(verdicts, shares)]
        neutral = self._neutral("plot", plots) + self._neutral("aside", asides)
        frames = self._mix(neutral, opinions) if verdicts > 2 else self._frame(neutral, opinions)
        return self._join([capitals(scene.fill(frame)) for frame in frames])

    def _opinions(self, count: int, shares: Mapping[str, float]) -> list[Verdict]:
        found: dict[Verdict, None] = {}
        while len(found) < count:
            found[self._draw.one(self._phrases.verdicts[self._pool(shares)])] = None
        return list(found)

    def _pool(self, shares: Mapping[str, float]) -> str:
        left = self._draw.share()
        for pool, share in shares.items():
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
        alone, one, two, more = self._sizes
        size = self._draw.share()
        few = self._draw.below(2)
        if size < alone:
            return 0, 0, 1
        if size < one:
            return 1 - few * self._draw.below(2), few, 1
        if size < two:
            return self._draw.below(2), few, 2
        if size < more:
            return 1 + self._draw.below(3), 1 + few, 2
        return 2 + self._draw.below(4), 2 + self._draw.below(5), 3 + self._draw.below(5)

    def _neutral(self, kind: str, count: int) -> list[str]:
        lines = self._phrases.fillers[kind]
        if not count:
            self._draw.skip(len(lines))
            return []
        found: dict[str, str] = {}
        for line in self._draw.order(lines):
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


def normalised(review: str) -> str:
    """Return what reviews have in common that are the same but for white space, and upper and lower case."""
    return " ".join(review.split()).casefold()


def unseen(writer: Writer, sentiment: str, seen: set[str], key: Callable[[str], str] = str) -> str:
    """Write a review of a class whose key is not among those seen, and add it to them."""
    while key(review := writer.review(sentiment)) in seen:
        pass
    seen.add(key(review))
    return review
