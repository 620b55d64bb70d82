"""Labelled reviews that models are compared on, in memory."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tfx_modules.data import features
from tfx_modules.settings.settings import BINARY_SENTIMENT, TaskSettings


@dataclass(frozen=True, eq=False)
class ReviewSet:
    """A named set of labelled reviews in memory. Not for training: a window of days can have millions."""

    name: str
    """For people: ``sample-v1``, ``the eval split``."""
    texts: tuple[str, ...]
    labels: npt.NDArray[np.bool_]
    """[texts], whether each is positive."""
    sha256: str
    """Digest of what they were read from, hex."""
    classes: tuple[str, ...] = BINARY_SENTIMENT.classes
    """The labels in words, by their numbers."""

    def slices(self) -> dict[str, npt.NDArray[np.bool_]]:
        """Return which reviews each slice of the evaluation has.

        Returns:
            [texts] by name, in the form ``length=short``; a slice without reviews is not there.
        """
        columns: dict[str, Callable[[str], str]] = {
            features.LENGTH: lambda text: features.length_class(len(text.split())),
            features.QUESTION: features.has_question,
        }
        values = {features.LABEL: [self.classes[label] for label in self.labels.astype(int)]}
        values |= {name: list(map(value_of, self.texts)) for name, value_of in columns.items()}
        return dict(_slices(values))


def _slices(values: dict[str, list[str]]) -> Iterable[tuple[str, npt.NDArray[np.bool_]]]:
    for name, found in values.items():
        column = np.array(found)
        for value in sorted(set(found)):
            yield f"{name}={value}", column == value


def review_set(
    name: str, rows: Sequence[tuple[str, bool]], sha256: str, task: TaskSettings = BINARY_SENTIMENT
) -> ReviewSet:
    """Make a set of texts and whether each is positive."""
    texts, labels = zip(*rows, strict=True) if rows else ((), ())
    return ReviewSet(name, texts, np.array(labels, bool), sha256, task.classes)
