"""Rows that the exported forms of a model are compared on, and the share that one of them has right."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfx_modules.data.review_set import ReviewSet
from tfx_modules.model.ends import Ends
from tfx_modules.settings.task import BINARY_SENTIMENT, TaskSettings

Ids = npt.NDArray[np.int32]
Logits = npt.NDArray[np.float32]

MOST_MEASURED = 1000
"""Rows that each form is measured on: with more, a run would wait for minutes on two cores."""
BATCH = 32
_SEED = 20261105
_EPSILON = 1e-9


@dataclass(frozen=True)
class Measured:
    """Rows that the forms of a model are compared on.

    Attributes:
        name: of the set, for people.
        ids: of each row, int32 [tokens], without padding.
        labels: int64 [rows], the number of each row's class; of a multilabel task [rows, classes], 0 or 1.
        task: what the labels are of.
    """

    name: str
    ids: tuple[Ids, ...]
    labels: npt.NDArray[np.int64]
    task: TaskSettings = BINARY_SENTIMENT


def of_reviews(reviews: ReviewSet, ends: Ends) -> Measured:
    """Tokenise reviews; of more than ``MOST_MEASURED``, so many that chance takes count, always the same ones."""
    # Not the first ones: a file may have all reviews of one label before those of the next.
    drawn = np.sort(np.random.default_rng(_SEED).permutation(len(reviews.texts))[:MOST_MEASURED])
    texts = [reviews.texts[number].encode() for number in drawn]
    rows = np.concatenate(
        [ends.token_ids(tf.constant(texts[n : n + BATCH])).numpy() for n in range(0, len(texts), BATCH)]
    )
    lengths = np.count_nonzero(rows, axis=1)
    ids = tuple(row[:length].astype(np.int32) for row, length in zip(rows, lengths, strict=True))
    return Measured(reviews.name, ids, reviews.labels[drawn].astype(np.int64), reviews.task)


def of_split(name: str, examples: tf.data.Dataset, task: TaskSettings) -> Measured:
    """Take a split's examples, from ``batches.read_examples``; the first ``MOST_MEASURED`` count."""
    ids, labels = zip(*examples.take(MOST_MEASURED).as_numpy_iterator(), strict=True)
    return Measured(name, ids, np.array(labels, np.int64), task)


def logits_of(compute: Callable[[Ids], Logits], measured: Measured, batch: int = BATCH) -> Logits:
    """Compute the logits of all rows, those of like length together.

    Args:
        compute: from ids int32 [rows, tokens], 0 is padding, to logits float32 [rows] or [rows, classes].
        measured: the rows.
        batch: rows that are computed together.

    Returns:
        float32 [rows] or [rows, classes], in the order of the rows.
    """
    order = sorted(range(len(measured.ids)), key=lambda n: len(measured.ids[n]))
    parts = [
        compute(padded([measured.ids[n] for n in order[start : start + batch]]))
        for start in range(0, len(order), batch)
    ]
    found = np.concatenate(parts)
    made = np.empty_like(found)
    made[order] = found
    return made


def share_right(logits: Logits, measured: Measured) -> float:
    """Return the share of rows whose class, or whose set of classes, the logits tell."""
    one_of_many = logits.ndim == 2 and measured.labels.ndim == 1
    right = (np.argmax(logits, axis=1) if one_of_many else logits >= measured.task.logit) == measured.labels
    return float(np.mean(right.all(axis=1) if right.ndim == 2 else right))


def loses_too_much(exact: float, accuracy: float, most: float) -> bool:
    """Tell whether an accuracy is further below the exact form's than it may be; both are shares, 0 to 1."""
    return exact - accuracy > most + _EPSILON


def padded(rows: Sequence[Ids]) -> Ids:
    """Return rows of ids as int32 [rows, tokens], each padded with 0 to the longest one's length."""
    made = np.zeros((len(rows), max(map(len, rows))), np.int32)
    for place, ids in zip(made, rows, strict=True):
        place[: len(ids)] = ids
    return made
