"""Scores exported models on reviews through the signature that takes texts, as the server does.

A model that carries something for OpenVINO is scored with OpenVINO, as the server computes its answers.

Scoring a review takes some milliseconds, and there are two models to score. ``gate.max_compared`` therefore limits the
number of reviews.
"""

import hashlib
import heapq
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfx_modules.data import features
from tfx_modules.data.review_set import Label, ReviewSet, review_set
from tfx_modules.evaluation.mcnemar import Scores
from tfx_modules.exceptions import ScoringError, UnusableModelError
from tfx_modules.model import ends, export
from tfx_modules.serving.exceptions import InferenceError, InvalidRequestError, ModelLoadError, ModelUnreadableError
from tfx_modules.serving.flags.engine_flag import EngineChoice
from tfx_modules.serving.models.model import ServedModel, load_model
from tfx_modules.serving.specs import PredictCall, bytes_array
from tfx_modules.settings.task import BINARY_SENTIMENT, TaskSettings

BATCH = 32
"""Reviews that are scored together."""
_INPUT = "text"


def load(folder: Path) -> ServedModel:
    """Load a model that can be scored.

    Args:
        folder: a SavedModel.

    Raises:
        UnusableModelError: it cannot be loaded, or lacks the signature from text to score.
        ScoringError: the disk does not give its files, which may pass.
    """
    try:
        model = load_model(folder, engine=EngineChoice.AUTO)
    except ModelUnreadableError as error:
        raise ScoringError(f"the model was not scored: {error}. Check the disk, and run again.") from error
    except ModelLoadError as error:
        raise UnusableModelError(f"the model cannot be scored: {error}") from error
    signature = model.signatures.get(ends.TEXTS)
    if not signature or set(signature.inputs) != {_INPUT} or not {ends.SCORE, ends.SCORES} & set(signature.outputs):
        raise UnusableModelError(
            f"the model in {folder} cannot be scored: it has the signatures {', '.join(sorted(model.signatures))}; "
            f"needed: {ends.TEXTS}, from {_INPUT} to {ends.SCORE} or {ends.SCORES}. Train it anew with this code."
        )
    return model


def score(model: ServedModel, reviews: ReviewSet, task: TaskSettings | None = None) -> Scores:
    """Score a model on reviews.

    Texts of like length share a batch, since a batch is as slow as its longest one.

    Args:
        model: from ``load``.
        reviews: one at least.
        task: the model's own; None: the reviews'. It may have the same classes in another order, and another threshold.

    Returns:
        The scores, in the set's order.

    Raises:
        UnusableModelError: the model refuses the texts.
        ScoringError: computing failed otherwise, as where memory is short; or there are no reviews.
    """
    if not reviews.texts:
        raise ScoringError(
            f"there are no labelled reviews in {reviews.name}; one is needed at least. Widen the window."
        )
    order = sorted(range(len(reviews.texts)), key=lambda n: len(reviews.texts[n]))
    task = task or reviews.task
    columns = [task.classes.index(label) for label in reviews.task.classes] if task.outputs > 1 else []
    scores = np.empty((len(order), len(columns)) if columns else len(order), np.float32)
    for start in range(0, len(order), BATCH):
        batch = order[start : start + BATCH]
        found = _scores(model, [reviews.texts[n] for n in batch], task)
        scores[batch] = found[:, columns] if columns else found
    return Scores(reviews.name, reviews.labels, scores, task.threshold)


def _scores(model: ServedModel, texts: list[str], task: TaskSettings) -> npt.NDArray[np.float32]:
    name = export.probabilities_of(task)
    values = bytes_array([text.encode() for text in texts], (len(texts),))
    call = PredictCall(ends.TEXTS, {_INPUT: values}, (name,))
    try:
        found = model.predict(call)[name]
    except InvalidRequestError as error:
        raise UnusableModelError(f"the model cannot be scored: {error}") from error
    except InferenceError as error:
        raise ScoringError(f"the model was not scored: {error}. Run again; is memory short?") from error
    form = (len(texts),) if task.outputs == 1 else (len(texts), task.outputs)
    if found.shape != form or not np.isfinite(found).all():
        raise UnusableModelError(
            f"the model cannot be scored: for {len(texts)} texts it gives {name} of the form {found.shape}; "
            "allowed: a finite number for each. Train it anew."
        )
    return found


def read_split(
    examples: Path, split: str = "eval", *, most: int = 0, task: TaskSettings = BINARY_SENTIMENT
) -> ReviewSet:
    """Read the labelled reviews of a split.

    Args:
        examples: folder of an Examples artifact, with the features ``review`` and ``label`` (``features``).
        split: the split's name.
        most: the greatest number of reviews to take; 0: all. The choice depends on the reviews alone, not on how they
            are spread over the split's files.
        task: the pipeline's, with the labels.

    Returns:
        The reviews that have a label. Their order depends on the reviews alone, too.

    Raises:
        ScoringError: the split has no files, or they cannot be read.
    """
    files = sorted(map(str, (examples / f"Split-{split}").glob("*.gz")))
    if not files:
        raise ScoringError(f"{examples} has no files of the split {split}. Clear CsvExampleGen to make them anew.")
    try:
        rows = ((_rank(row), row) for row in _labelled(files, task))
        chosen = heapq.nsmallest(most, rows) if most else sorted(rows)
    except tf.errors.OpError as error:
        raise ScoringError(f"the split {split} in {examples} cannot be read: {error.message}") from error
    digest = hashlib.sha256(b"".join(rank for rank, _ in chosen)).hexdigest()
    return review_set(f"the {split} split", [row for _, row in chosen], digest, task)


def _labelled(files: list[str], task: TaskSettings) -> Iterator[tuple[str, Label]]:
    width = task.outputs if task.has_sets else 1
    spec = {
        features.REVIEW: tf.io.FixedLenFeature([], tf.string, default_value=""),
        features.LABEL: tf.io.FixedLenFeature([width], tf.int64, default_value=[-1] * width),
    }
    batches = tf.data.TFRecordDataset(files, compression_type="GZIP").batch(1024)
    for batch in batches.map(lambda records: tf.io.parse_example(records, spec)).as_numpy_iterator():
        for text, label in zip(batch[features.REVIEW], batch[features.LABEL], strict=True):
            if min(label) >= 0:
                numbers = tuple(map(int, label))
                yield text.decode(), numbers if task.has_sets else numbers[0]


def _rank(row: tuple[str, Label]) -> bytes:
    text, label = row
    told = "".join(map(str, label)) if isinstance(label, tuple) else str(label)
    return hashlib.sha256(f"{told}{text}".encode()).digest()
