"""The floors that every model must reach, with or without a champion: accuracy, recall of each class, slices, AUC.

A model that always answers the same class reaches a high accuracy where that class is frequent, and says nothing. Three
rules find it: the accuracy has to be above the share of the most frequent class, each class needs a recall, and the AUC
has to be above 0.5 by more than chance explains (one-sided Mann-Whitney U test: Mann and Whitney, 1947, "On a test of
whether one of two random variables is stochastically larger than the other", Annals of Mathematical Statistics 18). Of
a task with several classes that is asked of each class against all others, each at the level divided by the number of
classes (Bonferroni's correction), and each set needs a review of each class. Of a multilabel task, in which a review
has any number of classes, ``label_floors.py`` has the first two rules.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import mannwhitneyu

from tfx_modules.data import features
from tfx_modules.data.review_set import ReviewSet
from tfx_modules.evaluation import label_floors
from tfx_modules.evaluation.mcnemar import Bools, Floats, Scores, distinct_texts
from tfx_modules.settings.gate import GateSettings
from tfx_modules.settings.task import BINARY_SENTIMENT, TaskSettings

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
    aucs: Mapping[str, Auc]
    """Of a binary task the AUC, by its positive label; else that of each class against all others. A class that no
    review has, or all have, is not there."""
    slices: Mapping[str, tuple[int, float]]
    """Number of reviews and accuracy of each slice; of a class, the accuracy is its recall."""
    classes: tuple[str, ...] = BINARY_SENTIMENT.classes
    """The labels in words, by their numbers."""

    @property
    def auc(self) -> float | None:
        """The AUC, of a multiclass task the mean of those of its classes; None where there is none."""
        found = [one.value for one in self.aucs.values()]
        return sum(found) / len(found) if found else None

    def confusion(self) -> npt.NDArray[np.int64]:
        """Return [classes, classes], how many reviews of a class (row) the model gives which class (column).

        Not of a multilabel task, in which a review may have several of both.
        """
        made = np.zeros((len(self.classes), len(self.classes)), np.int64)
        np.add.at(made, (self.scores.labels.astype(np.int64), self.scores.answers), 1)
        return made


def measure(reviews: ReviewSet, scores: Scores) -> Measures:
    """Measure a model on a set, by its scores."""
    slices = {name: (int(np.sum(rows)), float(np.mean(scores.right[rows]))) for name, rows in reviews.slices().items()}
    return Measures(scores, _aucs(scores, reviews.task), slices, reviews.task.classes)


def _aucs(scores: Scores, task: TaskSettings) -> dict[str, Auc]:
    if task.outputs == 1:
        found = {task.positive: auc(scores.scores, scores.labels.astype(bool))}
    else:
        rows = scores.labels.T.astype(bool) if scores.has_sets else [scores.labels == n for n in range(task.outputs)]
        found = {label: auc(scores.scores[:, n], rows[n]) for n, label in enumerate(task.classes)}
    return {label: one for label, one in found.items() if one}


def auc(scores: Floats, labels: Bools) -> Auc | None:
    """Measure the AUC of scores [reviews], for whether each review has the label; None where all or none have it."""
    positive, negative = scores[labels], scores[~labels]
    if not positive.size or not negative.size:
        return None
    if np.ptp(scores) == 0:
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
        yield _below(scores, scores.accuracy, gate.accuracy_floor, f"the floor, on {scores.reviews}")
    yield from _of_sets(found, gate) if scores.has_sets else _of_classes(found, gate)
    for name, (count, accuracy) in found.slices.items():
        if name.startswith(_LABEL):
            continue  # _of_classes has looked at it
        if count >= gate.slice_minimum and accuracy < gate.slice_floor - _EPSILON:
            place = f"the floor of slices, on {scores.reviews} where {name} ({count} reviews)"
            yield _below(scores, accuracy, gate.slice_floor, place)


def _of_sets(found: Measures, gate: GateSettings) -> Iterator[str]:
    if untold := list(label_floors.untold_labels(found.scores, found.classes)):
        yield from untold
        return
    yield from label_floors.broken_label_floors(found.scores, found.classes, gate)
    yield from _of_aucs(found, gate)


def _of_classes(found: Measures, gate: GateSettings) -> Iterator[str]:
    scores = found.scores
    if missing := [label for label, row in zip(found.classes, found.confusion(), strict=True) if not row.sum()]:
        if len(found.classes) > 2:
            yield (
                f"no review of {scores.reviews} is {' or '.join(missing)}, so it cannot tell whether a model is good; "
                "reviews of all classes are needed"
            )
            return
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
    yield from _of_aucs(found, gate)


def _of_aucs(found: Measures, gate: GateSettings) -> Iterator[str]:
    for label, area in found.aucs.items():
        if area.value <= 0.5 or area.p >= gate.level / len(found.aucs):
            of = f" of {label}" if len(found.aucs) > 1 else ""
            chance = f"is not above 0.5 by more than chance (p = {area.p:.2g})"
            yield f"AUC{of} {area.value:.3f} on {found.scores.reviews} {chance}"


def _majority(found: Measures, gate: GateSettings) -> Iterator[str]:
    scores = found.scores
    counts = found.confusion().sum(axis=1)
    share = float(counts.max() / counts.sum())
    if gate.beat_majority and scores.accuracy <= share + _EPSILON:
        accuracy, reached = distinct_texts(scores.accuracy, share)
        always = found.classes[int(counts.argmax())]
        relation = "<" if scores.accuracy < share - _EPSILON else "="
        yield f"accuracy {accuracy} {relation} {reached} of always answering {always}, on {scores.reviews}"


def _below(scores: Scores, reached: float, floor: float, what: str) -> str:
    return "{} {} < {}, {}".format(scores.measure, *distinct_texts(reached, floor), what)
