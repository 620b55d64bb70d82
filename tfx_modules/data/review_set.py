"""Labelled reviews that models are compared on, in memory."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tfx_modules.data import features
from tfx_modules.settings.task import BINARY_SENTIMENT, TaskSettings

THRESHOLD = 0.5
"""From this score on a review of a binary task counts as positive, as the model's own label does."""


Label = int | tuple[int, ...]
"""The number of a text's class; of a multilabel task, 0 or 1 for each class."""


def answers(
    scores: npt.NDArray[np.floating[Any]], *, sets: bool = False, threshold: float = THRESHOLD
) -> npt.NDArray[np.int64]:
    """Return the numbers of the classes that a model answers, as the label that it gives.

    Args:
        scores: [texts], the probability of positive; or [texts, classes], that of each class.
        sets: whether a text may have several of the classes, or none.
        threshold: of a multilabel task, the probability from which on a text has a class.

    Returns:
        [texts]; with ``sets`` [texts, classes], 0 or 1.
    """
    one_of_many = scores.ndim == 2 and not sets
    return np.argmax(scores, axis=1) if one_of_many else (scores >= threshold).astype(np.int64)


@dataclass(frozen=True, eq=False)
class ReviewSet:
    """A named set of labelled reviews in memory. Not for training: a window of days can have millions."""

    name: str
    """For people: ``sample-v1``, ``the eval split``."""
    texts: tuple[str, ...]
    labels: npt.NDArray[np.bool_] | npt.NDArray[np.int64]
    """[texts], the number of each one's class; of a binary task, whether it is positive; of a multilabel task [texts,
    classes], whether it has the class."""
    sha256: str
    """Digest of what they were read from, hex."""
    task: TaskSettings = BINARY_SENTIMENT
    """The task that the labels are of."""

    def slices(self) -> dict[str, npt.NDArray[np.bool_]]:
        """Return which reviews each slice of the evaluation has.

        Returns:
            [texts] by name, in the form ``length=short``; a slice without reviews is not there.
        """
        columns: dict[str, Callable[[str], str]] = {
            features.LENGTH: lambda text: features.length_class(len(text.split())),
            features.QUESTION: features.has_question,
        }
        values = {name: list(map(value_of, self.texts)) for name, value_of in columns.items()}
        if self.task.has_sets:
            of_labels = {
                f"{features.LABEL}={label}": self.labels[:, n].astype(bool) for n, label in enumerate(self.task.classes)
            }
            return {name: rows for name, rows in of_labels.items() if rows.any()} | dict(_slices(values))
        labels = [self.task.classes[label] for label in self.labels.astype(int)]
        return dict(_slices({features.LABEL: labels, **values}))


def _slices(values: dict[str, list[str]]) -> Iterable[tuple[str, npt.NDArray[np.bool_]]]:
    for name, found in values.items():
        column = np.array(found)
        for value in sorted(set(found)):
            yield f"{name}={value}", column == value


def review_set(
    name: str, rows: Sequence[tuple[str, Label]], sha256: str, task: TaskSettings = BINARY_SENTIMENT
) -> ReviewSet:
    """Make a set of texts and the number of each one's class; of a multilabel task, 0 or 1 for each class."""
    texts, labels = zip(*rows, strict=True) if rows else ((), ())
    made = np.array(labels, np.int64 if task.outputs > 1 and not task.has_sets else bool)
    return ReviewSet(name, texts, made.reshape(-1, task.outputs) if task.has_sets else made, sha256, task)
