"""Makes tables of a run's artifacts, as pandas shows them in a notebook."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import tensorflow as tf
from pandas.io.formats.style import Styler
from tfx import types
from tfx.types import artifact_utils

from tfx_modules.components.statistics_gen import read_days
from tfx_modules.data import features
from tfx_modules.data.tokenizer import PAD_ID
from tfx_modules.data.vocabulary import read_tokens
from tfx_modules.model.encoder.files import vocab_path
from tfx_modules.reports import evaluation
from tfx_modules.reports.evaluation import SliceResult
from tfx_modules.serving.client.specs import Prediction
from tfx_modules.settings.settings import EncoderSettings
from tfx_modules.settings.task import BINARY_SENTIMENT, TaskSettings, of_model
from tfx_modules.validation import profile

_OF_ONE_LABEL = ("examples", *evaluation.SHARES_RIGHT)
_METRICS = (*_OF_ONE_LABEL, "AUC", "precision", "recall", "F1")
NONE = "none"
"""What is shown for the labels of a text that has none."""


def days(statistics: types.Artifact) -> pd.DataFrame:
    """Return the number of reviews of each label by day.

    Args:
        statistics: StatisticsGen's output.
    """
    found = read_days(statistics)
    labels = (*profile.labels_of(found), profile.NO_SENTIMENT)
    counts = {day: item.counts[features.SENTIMENT] for day, item in sorted(found.items())}
    table = pd.DataFrame.from_dict(counts, orient="index", columns=labels)
    return table.loc[:, table.any() | (table.columns != profile.NO_SENTIMENT)]


def tokens(
    transformed: types.Artifact, encoder: EncoderSettings, task: TaskSettings = BINARY_SENTIMENT, *, rows: int = 5
) -> Styler:
    """Return the WordPieces of the first reviews of the split train, their ids without padding, and their labels.

    Args:
        transformed: Transform's output ``transformed_examples``.
        encoder: the pipeline's; its vocabulary names the ids.
        task: the pipeline's; it names the labels.
        rows: how many reviews.
    """
    names = read_tokens(vocab_path(encoder))
    examples = [_values(record) for record in _records(transformed, "train").take(rows).as_numpy_iterator()]
    ids = [[number for number in item[features.INPUT_IDS] if number != PAD_ID] for item in examples]
    columns = {
        ("labels" if task.has_sets else "label"): [_named(item[features.LABEL], task) for item in examples],
        "tokens": [len(found) for found in ids],
        "WordPieces": [" ".join(names[number] for number in found) for found in ids],
        "ids": [" ".join(map(str, found)) for found in ids],
    }
    return _wrapped(pd.DataFrame(columns))


def _named(numbers: Sequence[int], task: TaskSettings) -> str:
    """Name the label of a review by its number; of a multilabel task, the labels whose number is 1."""
    if not task.has_sets:
        return task.classes[numbers[0]]
    return _listed([label for label, there in zip(task.classes, numbers, strict=True) if there])


def _listed(labels: Sequence[str]) -> str:
    return ", ".join(labels) or NONE


def token_counts(transformed: types.Artifact) -> list[int]:
    """Return the number of tokens of each review of the split train, padding left out."""
    records = _records(transformed, "train").as_numpy_iterator()
    return [sum(number != PAD_ID for number in _values(record)[features.INPUT_IDS]) for record in records]


def slices(evaluated: types.Artifact, model: Path) -> list[SliceResult]:
    """Return what was measured on each slice; the one of all examples is the first.

    Args:
        evaluated: Evaluator's output ``evaluation``.
        model: the evaluated SavedModel.
    """
    return evaluation.read(evaluated.uri, evaluation.labels_of(evaluated.uri, of_model(model)))


def metrics(found: Sequence[SliceResult]) -> Styler:
    """Return the candidate's metrics by slice, and the champion's accuracy, or exact match, where there is a champion.

    Args:
        found: what :func:`slices` returned.
    """
    table = pd.DataFrame.from_dict({item.name: _metrics(item) for item in found}, orient="index")
    return table.astype({"examples": int}).style.format(precision=3, na_rep="")


def _metrics(found: SliceResult) -> dict[str, float]:
    """Return the metrics that say something of a slice: of reviews with one label, the share right alone does."""
    names = _OF_ONE_LABEL if found.by_label else _METRICS
    values = {name: found.candidate.metrics[name] for name in names if name in found.candidate.metrics}
    champion = {f"champion's {name}": found.champion.metrics.get(name) for name in evaluation.SHARES_RIGHT}
    return {**values, **{name: value for name, value in champion.items() if value is not None}}


def predictions(found: Sequence[Prediction]) -> Styler:
    """Return the answers of the model server as a table, a text a row; of a multilabel task with all labels."""
    return _wrapped(pd.DataFrame([_answered(one) for one in found]))


def _answered(found: Prediction) -> dict[str, str | float]:
    if not found.has_sets:
        return {"label": found.label, "score": found.score, "text": found.text}
    scores = {f"score of {label}": score for label, score in found.scores.items()}
    return {"labels": _listed(found.chosen), **scores, "text": found.text}


def _wrapped(table: pd.DataFrame) -> Styler:
    """Show long texts whole, over several lines."""
    properties = {"text-align": "left", "white-space": "normal", "vertical-align": "top"}
    return table.style.format(precision=3, escape="html").hide(axis="index").set_properties(**properties)


def _records(examples: types.Artifact, split: str) -> tf.data.Dataset:
    files = sorted(map(str, Path(artifact_utils.get_split_uri([examples], split)).glob("*")))
    return tf.data.TFRecordDataset(files, compression_type="GZIP")


def _values(record: bytes) -> dict[str, list[int]]:
    found = tf.train.Example.FromString(record).features.feature
    return {name: list(item.int64_list.value) for name, item in found.items()}
