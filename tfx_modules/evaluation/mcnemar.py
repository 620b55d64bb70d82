"""Tests whether one of two models is better on the same reviews: the exact McNemar test.

Both models classify the same reviews, so most of their errors are the same ones and say nothing about the difference.
The test counts the n discordant reviews: those that exactly one model classifies correctly. Under the null hypothesis,
each of them is as likely to be the candidate's as the champion's. The number that only the candidate has right is then
a draw of Binomial(n, 1/2), and the p-value is two-sided (McNemar, 1947, "Note on the sampling error of the difference
between correlated proportions", Psychometrika 12).
"""

import enum
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

from tfx_modules.data.review_set import THRESHOLD, answers

_DIGITS = 3
_MOST_DIGITS = 10
_SMALLEST_P = 0.001

Bools = npt.NDArray[np.bool_]
Classes = npt.NDArray[np.bool_] | npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating[Any]]


class Difference(enum.StrEnum):
    """The result of comparing a candidate with a champion."""

    BETTER = "better"
    """More accurate, by more than chance explains."""
    WORSE = "worse"
    """Less accurate, by more than chance explains."""
    NONE = "no difference"
    """Whatever the difference is, chance explains it."""


@dataclass(frozen=True, eq=False)
class Scores:
    """One model's scores of one set of reviews, in the set's order.

    Args:
        reviews: the set's name, for people: ``sample-v1``.
        labels: [reviews], whether each is positive; of a multiclass task, the number of its class; of a multilabel task
            [reviews, classes], whether it has the class.
        scores: [reviews], the model's probability that it is, 0 to 1; of a task with several classes [reviews,
            classes], that of each class.
        threshold: of a multilabel task, the probability from which on the model gives a review a class.
    """

    reviews: str
    labels: Classes
    scores: Floats
    threshold: float = THRESHOLD

    def __post_init__(self) -> None:
        """Check the forms; they come from code, not from users."""
        same = self.labels.shape == self.scores.shape[: self.labels.ndim] and self.scores.ndim in (1, 2)
        if self.labels.ndim not in (1, 2) or not same or not self.labels.size:
            raise ValueError(
                f"labels are {self.labels.shape} and scores {self.scores.shape}; allowed: one dimension (two "
                "where a review has any number of labels), as many of each, one at least. Score the reviews that the "
                "labels are of."
            )

    @property
    def right(self) -> Bools:
        """[reviews], whether the model is right; of a multilabel task, with all labels of the review."""
        right = np.equal(self.answers, self.labels)
        return np.all(right, axis=1) if self.has_sets else right

    @property
    def answers(self) -> npt.NDArray[np.int64]:
        """[reviews], the number of the class that the model answers; of a multilabel task [reviews, classes]."""
        return answers(self.scores, sets=self.has_sets, threshold=self.threshold)

    @property
    def accuracy(self) -> float:
        """The share of reviews that it has right."""
        return float(np.mean(self.right))

    @property
    def has_sets(self) -> bool:
        """Whether a review may have several classes, or none: the task is a multilabel one."""
        return self.labels.ndim == 2

    @property
    def measure(self) -> str:
        """What the accuracy is called: that of a multilabel task is another one than people think of."""
        return "exact match" if self.has_sets else "accuracy"

    def of_class(self, number: int) -> "Scores":
        """Return the scores of one class of a multilabel task alone."""
        return Scores(self.reviews, self.labels[:, number].astype(bool), self.scores[:, number], self.threshold)


@dataclass(frozen=True)
class ModelComparison:
    """A candidate and a champion on the same reviews. The four counts add up to the number of reviews."""

    reviews: str
    """The set's name."""
    both: int
    """Reviews that both have right."""
    only_candidate: int
    """Reviews that the candidate alone has right."""
    only_champion: int
    """Reviews that the champion alone has right."""
    neither: int
    """Reviews that both have wrong."""
    measure: str = "accuracy"
    """What the share of reviews that are right is called."""

    @property
    def count(self) -> int:
        """Number of reviews."""
        return self.both + self.only_candidate + self.only_champion + self.neither

    @property
    def accuracy(self) -> float:
        """The candidate's accuracy."""
        return (self.both + self.only_candidate) / self.count

    @property
    def champion_accuracy(self) -> float:
        """The champion's accuracy."""
        return (self.both + self.only_champion) / self.count

    @property
    def p(self) -> float:
        """How likely a difference like this one, or a greater, is between equal models; in (0, 1]."""
        discordant = self.only_candidate + self.only_champion
        return float(binomtest(self.only_candidate, discordant).pvalue) if discordant else 1.0

    def difference(self, level: float) -> Difference:
        """Decide at a significance level, above 0 and below 1."""
        if self.p >= level:
            return Difference.NONE
        return Difference.BETTER if self.only_candidate > self.only_champion else Difference.WORSE

    def describe(self, champion: int, level: float) -> str:
        """Format the comparison as a line, like ``accuracy 0.861 < 0.874 of 2026110301 on sample-v1, p = 0.012``.

        Args:
            champion: the champion's version.
            level: the significance level.
        """
        found = self.difference(level)
        relation = {Difference.BETTER: ">", Difference.WORSE: "<", Difference.NONE: "vs"}[found]
        candidate, other = distinct_texts(self.accuracy, self.champion_accuracy)
        p = p_text(self.p)
        end = f"no difference ({p})" if found is Difference.NONE else p
        return f"{self.measure} {candidate} {relation} {other} of {champion} on {self.reviews}, {end}"


def compare(candidate: Scores, champion: Scores) -> ModelComparison:
    """Count which of two models is right on each review.

    Raises:
        ValueError: they were not scored on the same reviews.
    """
    if candidate.reviews != champion.reviews or not np.array_equal(candidate.labels, champion.labels):
        raise ValueError(
            f"scores of {candidate.reviews} ({candidate.labels.size} reviews) and {champion.reviews} "
            f"({champion.labels.size}); allowed: two of the same reviews. Score both models on one set."
        )
    ours, theirs = candidate.right, champion.right
    return ModelComparison(
        reviews=candidate.reviews,
        both=int(np.sum(ours & theirs)),
        only_candidate=int(np.sum(ours & ~theirs)),
        only_champion=int(np.sum(~ours & theirs)),
        neither=int(np.sum(~ours & ~theirs)),
        measure=candidate.measure,
    )


def p_text(p: float) -> str:
    """Write a p-value, like ``p = 0.012``."""
    return f"p < {_SMALLEST_P}" if p < _SMALLEST_P else f"p = {p:.2g}"


def distinct_texts(one: float, other: float, digits: int = _DIGITS) -> tuple[str, str]:
    """Write two numbers with ``digits`` decimals or more, so that different numbers look different."""
    for shown in range(digits, _MOST_DIGITS):
        texts = f"{one:.{shown}f}", f"{other:.{shown}f}"
        if one == other or texts[0] != texts[1]:
            break
    return texts
