"""The floors of each label of a multilabel task, in which a text has any number of labels.

Each label is a question of its own: has the text it, or not? A model that always gives the same labels answers each of
these questions with the same word, and finds either none of the texts with a label or none of those without. Therefore
the recall floor holds for both, of every label. And the exact match (the share of texts with all labels right) has to
be above that of always giving the most frequent set of labels.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from tfx_modules.evaluation.mcnemar import Scores, distinct_texts
from tfx_modules.settings.gate import GateSettings

_EPSILON = 1e-9
"""A number equal to its floor is good enough."""


def untold_labels(scores: Scores, classes: Sequence[str]) -> Iterator[str]:
    """Yield a line for the labels that all reviews of a set have, or none: it tells nothing of a model's answers.

    Args:
        scores: of a multilabel task.
        classes: the labels in words.
    """
    shares = scores.labels.mean(axis=0)
    for word, share in (("has", 0.0), ("lacks", 1.0)):
        if found := [label for label, there in zip(classes, shares, strict=True) if there == share]:
            yield (
                f"no review of {scores.reviews} {word} the label {' or '.join(found)}, so it cannot tell whether a "
                "model is good; reviews with and without each label are needed"
            )


def broken_label_floors(scores: Scores, classes: Sequence[str], gate: GateSettings) -> Iterator[str]:
    """Yield a line with numbers for each floor of the labels that a model does not reach.

    Args:
        scores: of a multilabel task, on reviews with and without each label.
        classes: the labels in words.
        gate: the floors.
    """
    if gate.beat_majority:
        yield from _most_frequent_set(scores, classes)
    for number, label in enumerate(classes):
        one = scores.of_class(number)
        for has in (True, False):
            rows = one.labels == has
            recall = float(np.mean(one.right[rows]))
            if recall < gate.recall_floor - _EPSILON:
                which = f"recall of {label}" if has else f"recall of reviews without {label}"
                numbers = "{} < {}".format(*distinct_texts(recall, gate.recall_floor))
                place = f"the floor of each label, on {scores.reviews} ({int(rows.sum())} reviews; gate.recall_floor)"
                yield f"{which} {numbers}, {place}"


def _most_frequent_set(scores: Scores, classes: Sequence[str]) -> Iterator[str]:
    sets, counts = np.unique(scores.labels, axis=0, return_counts=True)
    share = float(counts.max() / counts.sum())
    if scores.accuracy > share + _EPSILON:
        return
    always = [label for label, there in zip(classes, sets[counts.argmax()], strict=True) if there]
    relation = "<" if scores.accuracy < share - _EPSILON else "="
    reached, floor = distinct_texts(scores.accuracy, share)
    answer = " and ".join(always) or "no label"
    yield f"{scores.measure} {reached} {relation} {floor} of always answering {answer}, on {scores.reviews}"
