"""The floors that every model must reach, with or without a champion: accuracy, recall of each class, slices, AUC.

A model that always answers the same class reaches a high accuracy where that class is frequent, and says nothing. Three
rules find it: the accuracy has to be above the share of the most frequent class, each class needs a recall, and the AUC
has to be above 0.5 by more than chance explains (one-sided Mann-Whitney U test: Mann and Whitney, 1947, "On a test of
whether one of two random variables is stochastically larger than the other", Annals of Mathematical Statistics 18).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import mannwhitneyu

from tfx_modules.data import features
from tfx_modules.data.review_set import ReviewSet
from tfx_modules.evaluation.mcnemar import Scores, distinct_texts
from tfx_modules.settings.settings import BINARY_SENTIMENT, GateSettings

_EPSILON = 1e-9
"""A number equal to its floor is good enough."""
_LABEL = f"{features.LABEL}="


@dataclass(frozen=True)
class Auc:
    """The area under a model's ROC curve on a set that has reviews of both classes."""

    value: float
    """0 to 1: how likely a positive review has a higher score than a negative one; ties count half."""
    p: float
    """How likely a value as high as this, or higher, is for scores that say nothing; 0 to 1."""


@dataclass(frozen=True, eq=False)
class Measures:
    """What the floors, and the ledger, look at of a model on one set of reviews."""

    scores: Scores
    auc: Auc | None
    """None where all reviews have the same label."""
    slices: Mapping[str, tuple[int, float]]
    """Number of reviews and accuracy of each slice; of a class, the accuracy is its recall."""
    classes: tuple[str, ...] = BINARY_SENTIMENT.classes
    """The labels in words, by their numbers."""


def measure(reviews: ReviewSet, scores: Scores) -> Measures:
    """Measure a model on a set, by its scores."""
    slices = {name: (int(np.sum(rows)), float(np.mean(scores.right[rows]))) for name, rows in reviews.slices().items()}
    return Measures(scores, auc(scores), slices, reviews.classes)


def auc(scores: Scores) -> Auc | None:
    """Measure the AUC; None where all reviews have the same label."""
    positive, negative = scores.scores[scores.labels], scores.scores[~scores.labels]
    if not positive.size or not negative.size:
        return None
    if np.ptp(scores.scores) == 0:
        return Auc(0.5, 1.0)
    found = mannwhitneyu(positive.astype(np.float64), negative.astype(np.float64), alternative="greater")
    return Auc(float(found.statistic) / (positive.size * negative.size), float(found.pvalue))


def broken_floors(found: Measures, gate: GateSettings) -> Iterator[str]:
    """Yield a line with numbers for each floor that a model does not reach.

    Args:
        found: the model on a set.
        gate: the floors, and the significance level that the AUC is tested at.
    """
    scores = found.scores
    if scores.accuracy < gate.accuracy_floor - _EPSILON:
        yield _below(scores.accuracy, gate.accuracy_floor, f"the floor, on {scores.reviews}")
    yield from _of_classes(found, gate)
    for name, (count, accuracy) in found.slices.items():
        if name.startswith(_LABEL):
            continue  # _of_classes has looked at it
        if count >= gate.slice_minimum and accuracy < gate.slice_floor - _EPSILON:
            place = f"the floor of slices, on {scores.reviews} where {name} ({count} reviews)"
            yield _below(accuracy, gate.slice_floor, place)


def _of_classes(found: Measures, gate: GateSettings) -> Iterator[str]:
    scores, area = found.scores, found.auc
    if area is None:
        only = found.classes[int(scores.labels[0])]
        yield (
            f"all {scores.labels.size} reviews of {scores.reviews} are {only}, so they cannot tell whether a model is "
            "good; reviews of both classes are needed"
        )
        return
    yield from _majority(found, gate)
    for name, (count, recall) in found.slices.items():
        if name.startswith(_LABEL) and recall < gate.recall_floor - _EPSILON:
            place = f"the floor of each class, on {scores.reviews} ({count} reviews; gate.recall_floor)"
            yield "recall of {} {} < {}, {}".format(
                name.removeprefix(_LABEL), *distinct_texts(recall, gate.recall_floor), place
            )
    if area.value <= 0.5 or area.p >= gate.level:
        yield f"AUC {area.value:.3f} on {scores.reviews} is not above 0.5 by more than chance (p = {area.p:.2g})"


def _majority(found: Measures, gate: GateSettings) -> Iterator[str]:
    scores = found.scores
    positive = float(np.mean(scores.labels))
    share = max(positive, 1 - positive)
    if gate.beat_majority and scores.accuracy <= share + _EPSILON:
        accuracy, reached = distinct_texts(scores.accuracy, share)
        always = found.classes[int(positive > 0.5)]
        relation = "<" if scores.accuracy < share - _EPSILON else "="
        yield f"accuracy {accuracy} {relation} {reached} of always answering {always}, on {scores.reviews}"


def _below(accuracy: float, floor: float, what: str) -> str:
    return "accuracy {} < {}, {}".format(*distinct_texts(accuracy, floor), what)
