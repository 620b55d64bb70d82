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


def answers(scores: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.int64]:
    """Return the numbers of the classes that a model answers, as the label that it gives.

    Args:
        scores: [texts], the probability of positive; or [texts, classes], that of each class.

    Returns:
        [texts]
    """
    return np.argmax(scores, axis=1) if scores.ndim == 2 else (scores >= THRESHOLD).astype(np.int64)


@dataclass(frozen=True, eq=False)
class ReviewSet:
    """A named set of labelled reviews in memory. Not for training: a window of days can have millions."""

    name: str
    """For people: ``sample-v1``, ``the eval split``."""
    texts: tuple[str, ...]
    labels: npt.NDArray[np.bool_] | npt.NDArray[np.int64]
    """[texts], the number of each one's class; of a binary task, whether it is positive."""
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
        values = {features.LABEL: [self.task.classes[label] for label in self.labels.astype(int)]}
        values |= {name: list(map(value_of, self.texts)) for name, value_of in columns.items()}
        return dict(_slices(values))


def _slices(values: dict[str, list[str]]) -> Iterable[tuple[str, npt.NDArray[np.bool_]]]:
    for name, found in values.items():
        column = np.array(found)
        for value in sorted(set(found)):
            yield f"{name}={value}", column == value


def review_set(
    name: str, rows: Sequence[tuple[str, int]], sha256: str, task: TaskSettings = BINARY_SENTIMENT
) -> ReviewSet:
    """Make a set of texts and the number of each one's class."""
    texts, labels = zip(*rows, strict=True) if rows else ((), ())
    return ReviewSet(name, texts, np.array(labels, bool if task.outputs == 1 else np.int64), sha256, task)
