"""Finds out which words of a text mattered, by leaving each out and asking the model again (occlusion).

Needs the model's public answers alone. A word's weight is by how much the score of the text's label falls without it.
M. D. Zeiler, R. Fergus: Visualizing and Understanding Convolutional Networks, 2014 (images); J. Li, W. Monroe,
D. Jurafsky: Understanding Neural Networks through Representation Erasure, 2016 (words).
"""

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from airflow_bert_service.clients.classify import Scores
from airflow_bert_service.exceptions import RequestRefusedError

MOST_ASKED = 64
"""Texts in the one request: the whole text, and one for each group of words."""
MOST_BYTES = 8 << 10
"""The longest text, in UTF-8: the request has 64 times that at most."""
SHADED = 0.05
"""The weight that is shaded most at least: without it, chance differences of all but equal scores would stand out."""
SHADES = 4
_WRONG = 422
# BERT's tokenizer takes each of these characters for a word (Google's `tokenization.py`, _is_chinese_char).
_IDEOGRAPHS = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002a6df\U0002a700-\U0002ceaf\U0002f800-\U0002fa1f"
_WORD = re.compile(rf"[{_IDEOGRAPHS}]|[^\s{_IDEOGRAPHS}]+")

Span = tuple[int, int]
"""Where a group of words begins and ends in its text."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A part of a text: a group of words, or what stands between two."""

    text: str
    weight: float | None = None
    """By how much the label's score falls without it; negative: it rises. None: it stands between groups."""
    score: float | None = None
    """The label's score without it."""
    shade: int = 0
    """How strongly it is shaded, from -4 (against the label) to 4 (for it)."""


@dataclass(frozen=True, kw_only=True)
class Weighed:
    """Which words of a text mattered."""

    label: str
    """The label that the scores are of."""
    score: float
    """Its score with the whole text."""
    pieces: tuple[Piece, ...]
    """All of the text."""
    words: int
    groups: int

    @property
    def heaviest(self) -> list[Piece]:
        """The ten groups that weigh most, the heaviest first."""
        weighed = [piece for piece in self.pieces if piece.weight is not None]
        return sorted(weighed, key=lambda piece: -abs(piece.weight or 0.0))[:10]

    @property
    def is_flat(self) -> bool:
        """Whether no group weighs enough to be shaded."""
        return not any(piece.shade for piece in self.pieces)


def groups_of(text: str) -> tuple[Span, ...]:
    """Return the groups of words that are left out, one after another: each word by itself, where there are few.

    Args:
        text: The text.

    Raises:
        RequestRefusedError: The text is too long.
    """
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MOST_BYTES:
        raise RequestRefusedError(
            _WRONG, f"The text has {size:,} bytes; allowed, to see which words mattered: {MOST_BYTES:,}. Shorten it."
        )
    words = _words(text)
    count = min(len(words), MOST_ASKED - 1)
    bounds = [index * len(words) // count for index in range(count + 1)] if count else []
    return tuple((words[first][0], words[last - 1][1]) for first, last in itertools.pairwise(bounds))


def texts_without(text: str, groups: Sequence[Span]) -> tuple[str, ...]:
    """Return what the model is asked: the whole text, and then the text without each group."""
    return (text, *(text[:begin] + text[end:] for begin, end in groups))


def weigh(text: str, groups: Sequence[Span], scores: Sequence[Scores]) -> Weighed:
    """Return the weight of each group.

    Args:
        text: The text.
        groups: Its groups of words.
        scores: The answers to :func:`texts_without`.
    """
    whole = scores[0]
    left = [one.by_label[whole.label] for one in scores[1:]]
    weights = [whole.score - score for score in left]
    most = max([SHADED, *map(abs, weights)])
    pieces, at = [], 0
    for (begin, end), weight, score in zip(groups, weights, left, strict=True):
        if begin > at:
            pieces.append(Piece(text=text[at:begin]))
        pieces.append(Piece(text=text[begin:end], weight=weight, score=score, shade=_shade(weight / most)))
        at = end
    if at < len(text):
        pieces.append(Piece(text=text[at:]))
    return Weighed(
        label=whole.label, score=whole.score, pieces=tuple(pieces), words=len(_words(text)), groups=len(groups)
    )


def _words(text: str) -> list[Span]:
    return [found.span() for found in _WORD.finditer(text)]


def _shade(part: float) -> int:
    """Return the nearest shade to a part of the largest weight, from -1 to 1."""
    return int(math.copysign(math.floor(abs(part) * SHADES + 0.5), part))
