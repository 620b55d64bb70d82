"""Makes up the reviews of a day, whatever the other days are.

Days are a little different from each other, and drift slowly through the year: in how many reviews are positive, and
in the words and sentences that come up more often. Both come back after a year, and change little from day to day, so
that the gate for drift (``docs/explanation/validation.md``) lets every day pass.
"""

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from airflow_bert_service.feeds.made_up.draw import Draw
from airflow_bert_service.feeds.made_up.phrases import Phrases, Verdict
from airflow_bert_service.feeds.made_up.writer import Writer, normalised, unseen

SENTIMENTS = ("positive", "negative")
FEWEST_A_DAY, MOST_A_DAY = 374, 387
"""Least number of reviews a day, and the number that is too many."""
YEAR = 364
"""Days after which seasons come back: whole weeks, and half of it is whole days."""
LEAST_POSITIVE, MOST_POSITIVE = 45, 55
"""Percent of a day's reviews that are positive, at least and at most."""

_SEED = "sample feed"
_SEASONS = 3
_ROUND = 14
"""Days after which an opinion without a slot may come again: those of a window."""
_WRITTEN_OUT = ("contrast", "negation", "irony")
"""The pools in which most opinions have no slot, so that each of them is one text only."""

T = TypeVar("T")


def reviews_of(day: dt.date, phrases: Phrases, *, without: Collection[str]) -> Iterator[tuple[str, str]]:
    """Make up a day's reviews; the same ones on every machine.

    Args:
        day: Any day.
        phrases: What reviews are put together from.
        without: Texts, :func:`normalised`, that no review may have.

    Yields:
        Text and sentiment (``positive``, ``negative``) of 374 to 386 reviews; no text comes twice on a day.
    """
    draw = Draw(f"{_SEED} {day}")
    writer = Writer(in_season(phrases, day), draw)
    seen = set(without)
    size = FEWEST_A_DAY + draw.below(MOST_A_DAY - FEWEST_A_DAY)
    positive = positive_of(size, day)
    for sentiment in draw.order([SENTIMENTS[n >= positive] for n in range(size)]):
        yield unseen(writer, sentiment, seen, normalised), sentiment


def positive_of(size: int, day: dt.date) -> int:
    """Return how many of a day's reviews are positive: most in the middle of the year, in even steps."""
    half = YEAR // 2
    warmth = half - abs(day.toordinal() % YEAR - half)
    percent_of_half = LEAST_POSITIVE * half + (MOST_POSITIVE - LEAST_POSITIVE) * warmth
    return (size * percent_of_half + 50 * half) // (100 * half)


def in_season(phrases: Phrases, day: dt.date) -> Phrases:
    """Return the phrases with those twice that are in season, so that they are drawn twice as often.

    A third of every list is in season; where it begins moves through the list once a year. An opinion without a slot is
    one text, so each of those of contrast, negation and irony has its turn on one day of fourteen.
    """
    return replace(
        phrases,
        words={slot: _seasoned(entries, day) for slot, entries in phrases.words.items()},
        fillers={kind: _seasoned(lines, day) for kind, lines in phrases.fillers.items()},
        verdicts={
            pool: _in_turn(pairs, day) if pool in _WRITTEN_OUT else _seasoned(pairs, day)
            for pool, pairs in phrases.verdicts.items()
        },
    )


def _in_turn(pairs: Sequence[Verdict], day: dt.date) -> list[Verdict]:
    """Return the pairs with slots in season, and every 14th of those without, as often as all of them together."""
    alone = [pair for pair in pairs if "{" not in pair.positive + pair.negative]
    frames = [pair for pair in pairs if "{" in pair.positive + pair.negative]
    return [*_seasoned(frames, day), *alone[day.toordinal() % _ROUND :: _ROUND] * _ROUND]


def _seasoned(entries: Sequence[T], day: dt.date) -> list[T]:
    first = len(entries) * (day.toordinal() % YEAR) // YEAR
    around = [*entries, *entries]
    return [*entries, *around[first : first + len(entries) // _SEASONS]]
