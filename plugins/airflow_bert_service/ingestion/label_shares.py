"""Tells of which labels of a day so many rows cannot be used that the model would learn from a skewed rest.

A share of all rows says little of a rare label: all of its rows may be lost, and the day has few bad rows. They may
be lost because the source calls the label otherwise now. So the rows with an unknown label are a label's, too: of
whichever, the one with the fewest usable rows would lose the largest share of its rows with them.

That label may have no row on an ordinary day, and a typo would be all of it. So the rows with an unknown label must be
many, too: more than ``max_bad_share`` of the rows that may be unusable, or of those that a label has on average.
"""

import json
import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

LEVEL = 0.001
"""How often at most a day is refused by chance, of which only the allowed share is bad, whatever its labels."""
TYPOS = 2
"""So many rows with the same unknown label never refuse a day, however few rows it has."""
_NEGLIGIBLE = 1e-9


@dataclass(frozen=True)
class LabelShare:
    """A label, and how many of a day's rows with it cannot be used."""

    label: str
    bad: int
    rows: int
    enough: float
    """With this ``max_bad_share`` or a larger one, the label would not refuse the day."""
    like: str = ""
    """Where the label is unknown: the known one that has the other rows."""

    def __str__(self) -> str:
        """Say it in words."""
        if self.like:
            usable = f"{self.rows - self.bad} usable with {self.like!r}"
            return f"{self.bad} with the unknown label {self.label!r}, beside {usable}"
        return f"{self.bad} of {self.rows} with the label {self.label!r}"


def too_bad(
    usable: Mapping[str, int],
    rejected: Mapping[str, int],
    unknown: Mapping[str, int],
    max_bad_share: float,
    *,
    labels: Collection[str],
    has_sets: bool,
) -> tuple[LabelShare, ...]:
    """Return the labels of which a larger share is bad than is allowed, and than chance explains.

    Chance is that of a binomial distribution: with few rows, one bad row is a large share and says nothing. The level
    is divided by the number of labels. An unknown label must, besides, have more than a typo's rows: more than the
    allowed share of the rows that may be unusable, or of those that a label has on average, whichever are fewer.

    Args:
        usable: How many rows can be used, by label as spans have it.
        rejected: How many cannot, of those whose label is known.
        unknown: How many have a label that is not known, by label.
        max_bad_share: The largest share allowed, 0 to 1.
        labels: The pipeline's labels; the day may lack some.
        has_sets: Whether a row may have several labels, so that spans have a list in JSON.
    """
    good, bad = _of_labels(usable, has_sets=has_sets), _of_labels(rejected, has_sets=has_sets)
    names = sorted({*labels, *good, *bad})
    level = LEVEL / max(1, len(names) + len(unknown))
    shares = [LabelShare(one, bad[one], bad[one] + good[one], bad[one] / (bad[one] + good[one])) for one in sorted(bad)]
    if names:
        rarest = min(names, key=lambda label: good[label])
        total = good.total() + bad.total() + sum(unknown.values())
        typos = max_bad_share * min(max_bad_share, 1 / len(names))
        for label, count in sorted(unknown.items()):
            if count > TYPOS and _is_too_bad(count, total, typos, level):
                rows, of_all = count + good[rarest], count / total
                enough = min(count / rows, max(math.sqrt(of_all), of_all * len(names)))
                shares.append(LabelShare(label, count, rows, enough, rarest))
    return tuple(one for one in shares if _is_too_bad(one.bad, one.rows, max_bad_share, level))


def _is_too_bad(bad: int, rows: int, share: float, level: float) -> bool:
    return bad > share * rows and chance_of(bad, rows, share) < level


def chance_of(bad: int, rows: int, share: float) -> float:
    """Return how probable as many bad rows or more are, where each is bad with the probability of a share.

    Args:
        bad: Above the share's part of the rows.
        rows: At least as many.
        share: 0 to 1.
    """
    if share <= 0:
        return 0.0
    term = math.exp(
        math.lgamma(rows + 1)
        - math.lgamma(bad + 1)
        - math.lgamma(rows - bad + 1)
        + bad * math.log(share)
        + (rows - bad) * math.log1p(-share)
    )
    found = term
    # Above the mean each term is smaller than the one before.
    while bad < rows and term > found * _NEGLIGIBLE:
        term *= (rows - bad) / (bad + 1) * share / (1 - share)
        bad += 1
        found += term
    return found


def _of_labels(counts: Mapping[str, int], *, has_sets: bool) -> Counter[str]:
    found: Counter[str] = Counter()
    for sentiment, count in counts.items():
        labels: Iterable[str] = json.loads(sentiment) if has_sets else (sentiment,)
        for label in labels:
            found[label] += count
    return found
