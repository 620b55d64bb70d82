"""Measures a review's text (words, characters, tags, unknown WordPieces, vocabulary), for statistics and drift.

Measures are taken once, when examples are made, for a million reviews as for a hundred: Python's own string functions
do the work, and the TensorFlow tokenizer sees only texts that may have unknown WordPieces.
"""

import functools
import re
import string
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from tfx_modules.data import features, tokenizer
from tfx_modules.data.vocabulary import read_tokens
from tfx_modules.settings.normalisation import Normalisation

_TAG = re.compile(tokenizer.MARKUP)
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f"
_WORD = re.compile(rf"[{_CJK}]|[^\W{_CJK}]+")
"""A word, or one character of a script that puts no blanks between words."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LONG_WORD = 100
"""Characters; the tokenizer gives up longer words."""
REMEMBERED = 1 << 16
"""Words; a bound of the memory used."""


@dataclass(frozen=True)
class Measures:
    """The measures of one review, named as the features (see ``features``)."""

    words: int
    characters: int
    tags: int
    unknown_share: float
    vocabulary: tuple[int, ...]


class Measurer:
    """Measures reviews with an encoder's vocabulary. Not for one review at a time: batches are much cheaper."""

    def __init__(self, vocab: Path, how: Normalisation) -> None:
        """Read the vocabulary.

        Args:
            vocab: the file of the WordPieces.
            how: texts are normalised before they are split into them.
        """
        self._covers_ascii = _covers_ascii(frozenset(read_tokens(vocab)), how.lower_case)

        self._share = _share_function(vocab, how)

    def measure(self, reviews: Sequence[str]) -> Iterator[Measures]:
        """Measure a batch, in order; a missing review is an empty one."""
        words = [review.split() for review in reviews]
        shares = self._unknown_shares(reviews, words)
        for review, parts, share in zip(reviews, words, shares, strict=True):
            plain, tags = _TAG.subn(" ", review) if "<" in review else (review, 0)
            yield Measures(len(parts), len(review), tags, share, vocabulary(plain))

    def _unknown_shares(self, reviews: Sequence[str], words: Sequence[Sequence[str]]) -> list[float]:
        shares = [0.0] * len(reviews)
        doubtful = [n for n, review in enumerate(reviews) if not self._is_known(review, words[n])]
        if doubtful:
            found = self._share(tf.constant([reviews[n] for n in doubtful], tf.string)).numpy().tolist()
            for n, share in zip(doubtful, found, strict=True):
                shares[n] = share
        return shares

    def _is_known(self, review: str, words: Sequence[str]) -> bool:
        """Whether every word can be put together of single characters, if of nothing longer."""
        return (
            self._covers_ascii
            and review.isascii()
            and not _CONTROL.search(review)
            and max(map(len, words), default=0) < _LONG_WORD
        )


@functools.lru_cache(maxsize=4)
def _share_function(vocab: Path, how: Normalisation) -> Callable[[tf.Tensor], tf.Tensor]:
    """Trace the graph once in a process, although every worker thread has a measurer of its own."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])  # type: ignore[untyped-decorator]
    def share(texts: tf.Tensor) -> tf.Tensor:
        return tokenizer.unknown_share(texts, vocab, how)

    traced: Callable[[tf.Tensor], tf.Tensor] = share.get_concrete_function()
    return traced


def _covers_ascii(tokens: frozenset[str], lower_case: bool) -> bool:  # noqa: FBT001 - a setting
    letters = string.ascii_lowercase if lower_case else string.ascii_letters
    inside = {f"##{character}" for character in letters + string.digits}
    return inside | set(letters + string.digits + string.punctuation) <= tokens


def vocabulary(review: str) -> tuple[int, ...]:
    """Return the buckets that a review's words fall into.

    Words are hashed and not listed, so that the feature has the same size in every language, and statistics hold no
    word of a review.

    Returns:
        Numbers below ``features.VOCABULARY_BUCKETS``, each once, rising.
    """
    return tuple(sorted(set(map(BUCKETS.__getitem__, _WORD.findall(review.lower())))))


class _Buckets(dict[str, int]):
    """Cache of the bucket of each word; a dict that fills itself, since look-ups are frequent."""

    def __missing__(self, word: str) -> int:
        if len(self) >= REMEMBERED:
            self.clear()
        # CRC-32 and not Python's hash, which differs from process to process.
        bucket = self[word] = zlib.crc32(word.encode("utf-8", "surrogatepass")) % features.VOCABULARY_BUCKETS
        return bucket


BUCKETS = _Buckets()
