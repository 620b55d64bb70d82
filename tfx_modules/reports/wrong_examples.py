"""Finds the examples of the eval split that a model gets wrong, and renders them with their texts.

Texts are what customers wrote: a page has them only where the setting ``shown_errors`` says so, a bounded number of
them and of each its beginning. They are in marks that the model card is freed from where the setting is off.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tfx_modules.data import features
from tfx_modules.data.review_set import ReviewSet
from tfx_modules.evaluation import scoring
from tfx_modules.evaluation.mcnemar import Bools, Scores
from tfx_modules.exceptions import ScoringError, UnusableModelError
from tfx_modules.report_page import document
from tfx_modules.report_page.document import NUMBER, paragraph, section
from tfx_modules.settings.task import TaskSettings

TITLE = "Examples that the model gets wrong"
MOST_SCORED = 1000
"""Examples that are scored to find them; of a larger split a choice that depends on the texts alone."""
LONGEST = 300
"""Characters that are shown of a text."""


@dataclass(frozen=True)
class WrongExample:
    """An example whose label is not what the model answers."""

    text: str
    label: str
    answer: str
    probability: float
    """What the model gives its answer, 0 to 1."""
    slices: tuple[str, ...]
    """Like ``length = short``; not that of its label."""


def render(model: Path, examples: Path, task: TaskSettings, most: int) -> str:
    """Render the examples of the eval split that a model is wrong about with most confidence.

    Args:
        model: its SavedModel.
        examples: folder of an Examples artifact.
        task: the model's.
        most: how many are shown; 1 or more.

    Returns:
        A section; where the examples cannot be scored, it says why.
    """
    try:
        reviews = scoring.read_split(examples, most=MOST_SCORED, task=task)
        scores = scoring.score(scoring.load(model), reviews)
    except (ScoringError, UnusableModelError) as error:
        return section(TITLE, paragraph(f"They are not known: {error}"))
    wrong = surest(reviews, scores, most)
    count = int(np.sum(~scores.right))
    said = (
        f"The model is wrong about {count:,} of {len(reviews.texts):,} examples that were scored as they are served. "
    )
    if not wrong:
        return section(TITLE, paragraph(said))
    order = f"The {len(wrong):,} that it is surest of are shown, the surest first, with up to {LONGEST} characters."
    return document.with_texts(section(TITLE, paragraph(said + order), _table(wrong)))


def surest(reviews: ReviewSet, scores: Scores, most: int) -> list[WrongExample]:
    """Return the examples that a model gets wrong, those first whose wrong answer it gives the highest probability.

    Of a multilabel task, the probability is that of the label that it is surest and wrong about.
    """
    rows, answers = np.arange(len(reviews.texts)), scores.answers
    probabilities = _probabilities(scores)
    wrong = rows[~scores.right]
    chosen = wrong[np.argsort(-probabilities[wrong], kind="stable")][:most]
    classes, slices = reviews.task.classes, reviews.slices()
    return [
        WrongExample(
            text=reviews.texts[row],
            label=_named(classes, reviews.labels[row]),
            answer=_named(classes, answers[row]),
            probability=float(probabilities[row]),
            slices=tuple(_names_of(row, slices)),
        )
        for row in map(int, chosen)
    ]


def _probabilities(scores: Scores) -> npt.NDArray[np.float64]:
    """Return the probability that a model gives its answer about each example, [reviews]."""
    answers, found = scores.answers, np.asarray(scores.scores, np.float64)
    if found.ndim == 2 and not scores.has_sets:
        return np.take_along_axis(found, answers[:, np.newaxis], axis=1)[:, 0]
    given = np.where(answers == 1, found, 1 - found)
    return np.where(answers == scores.labels, 0.0, given).max(axis=1) if scores.has_sets else given


def _named(classes: Sequence[str], answer: npt.NDArray[Any]) -> str:
    """Name a class by its number; of a multilabel task, the classes that are 1."""
    if answer.ndim == 0:
        return classes[int(answer)]
    return ", ".join(name for name, has in zip(classes, answer, strict=True) if has) or "none"


def _names_of(row: int, slices: Mapping[str, Bools]) -> Iterator[str]:
    for name, rows in slices.items():
        if rows[row] and not name.startswith(f"{features.LABEL}="):
            yield name.replace("=", " = ", 1)


def _table(wrong: Sequence[WrongExample]) -> str:
    columns = (("text", ""), ("label", ""), ("answer", ""), ("probability of the answer", NUMBER), ("slices", ""))
    rows = [
        (
            document.quoted(one.text, LONGEST),
            escape(one.label),
            escape(one.answer),
            document.number(one.probability),
            escape(", ".join(one.slices)),
        )
        for one in wrong
    ]
    return document.table(columns, rows)
