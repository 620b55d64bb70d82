"""Measures the classifier as a TFLite model beside the SavedModel, and writes what a version carries of it.

The folder ``assets.extra/tflite`` of a version, which TensorFlow Serving passes over::

    model.tflite   from ``ids`` int32 [1, tokens] to ``logits`` float32 [1], or [1, classes]; its signature ``padded``
                   takes ids that are padded to the greatest length, alone
    vocab.txt      the WordPieces, one a line, each at the place of its id
    model.json     labels, threshold, how texts become ids, and what was measured
    score.py       an example that scores texts with the files beside it
"""

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfx_modules.common import carried
from tfx_modules.data import tokenizer
from tfx_modules.data.vocabulary import read_tokens
from tfx_modules.model.encoder.files import vocab_path
from tfx_modules.model.inference_graph import BertGraph
from tfx_modules.model.measuring.rows import Ids, Logits, Measured, logits_of, loses_too_much, share_right
from tfx_modules.model.record.training_record import LiteMeasures
from tfx_modules.model.tflite import score
from tfx_modules.model.tflite.conversion import LiteModel, converted
from tfx_modules.settings.settings import EncoderSettings, Precision
from tfx_modules.settings.task import TaskSettings

MODEL = "model.tflite"
VOCABULARY = "vocab.txt"
DESCRIPTION = "model.json"
FORMAT = 1
_PLACE = carried.PLACES[carried.TFLITE]
_NOT_OF_THE_MODEL = "assets.extra"

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Written:
    """What was written for TFLite.

    Attributes:
        measures: of the written model.
        accuracies: of each precision that was measured.
        reason: why the precision was chosen, in words.
    """

    measures: LiteMeasures
    accuracies: dict[str, float]
    reason: str


@dataclass(frozen=True)
class _Tried:
    """A model's logits of all rows, and the median of the times that one row took."""

    logits: Logits
    milliseconds: float


def write(
    classifier: keras.Model,
    version: Path,
    *,
    encoder: EncoderSettings,
    task: TaskSettings,
    precision: Precision,
    measured: Measured,
    max_accuracy_loss: float,
) -> Written:
    """Write the folder of a version.

    Args:
        classifier: from ids to logits.
        version: the version's folder, with its SavedModel.
        encoder: has the vocabulary, and how texts become ids.
        task: the labels.
        precision: that the SavedModel is exported in, float32 or bfloat16.
        measured: one row at least.
        max_accuracy_loss: how much lower than the SavedModel's the accuracy of INT8 may be; where it is lower, float32
            is written.
    """
    began = time.monotonic()
    graph = BertGraph(classifier, tf.as_dtype(precision.value))
    # As the SavedModel has it, in a graph; and on the processor, where TFLite's is computed.
    compute = tf.function(graph.logits, input_signature=[tf.TensorSpec([None, None], tf.int32)])
    with tf.device("CPU"):
        served = _tried(compute, measured)
    exact = share_right(served.logits, measured)
    content, found = _made(classifier, encoder.max_tokens, measured, int8=True)
    accuracies = {"int8": share_right(found.logits, measured)}
    chosen = "int8"
    if loses_too_much(exact, accuracies["int8"], max_accuracy_loss):
        chosen = "float32"
        content, found = _made(classifier, encoder.max_tokens, measured, int8=False)
        accuracies["float32"] = share_right(found.logits, measured)
    measures = LiteMeasures(
        precision=chosen,
        measured_on=measured.name,
        n=len(measured.labels),
        accuracy=accuracies[chosen],
        savedmodel_accuracy=exact,
        score_difference=float(np.abs(_scores(found.logits, task) - _scores(served.logits, task)).max()),
        latency_ms=found.milliseconds,
        savedmodel_latency_ms=served.milliseconds,
        bytes=len(content),
        savedmodel_bytes=_bytes_of(version),
    )
    _write_files(version / _PLACE, content, encoder, task, measures)
    reason = (
        f"{task.measure} on {measures.n} of {measured.name} {accuracies['int8']:.4f} in int8, {exact:.4f} of the "
        f"SavedModel; it may lose {max_accuracy_loss:g}"
    )
    _logger.info(
        "for TFLite the model is exported in %s, %.1f MB (the SavedModel has %.1f): %s; a text takes %.1f ms (%.1f). "
        "This took %.0f s.",
        *(chosen, measures.bytes / 1e6, measures.savedmodel_bytes / 1e6, reason),
        *(measures.latency_ms, measures.savedmodel_latency_ms, time.monotonic() - began),
    )
    return Written(measures, accuracies, reason)


def _made(classifier: keras.Model, tokens: int, measured: Measured, *, int8: bool) -> tuple[bytes, _Tried]:
    content = converted(classifier, tokens, int8=int8)
    return content, _tried(LiteModel(content).logits, measured)


def _tried(compute: Callable[[Ids], Any], measured: Measured) -> _Tried:
    """Compute row by row, without padding, as one text after the other is scored."""
    times: list[float] = []

    def one(ids: Ids) -> Logits:
        began = time.perf_counter()
        found: Logits = np.asarray(compute(ids))
        times.append(1000 * (time.perf_counter() - began))
        return found

    one(measured.ids[0][np.newaxis])  # what is computed first, prepares
    times.clear()
    logits = logits_of(one, measured, batch=1)
    return _Tried(logits, float(np.median(times)))


def _scores(logits: Logits, task: TaskSettings) -> npt.NDArray[np.float64]:
    wide = logits.astype(np.float64)
    if task.outputs == 1 or task.has_sets:
        return 1 / (1 + np.exp(-wide))
    shares = np.exp(wide - wide.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def _bytes_of(version: Path) -> int:
    """Return the size of the SavedModel alone."""
    paths = (path for path in version.rglob("*") if path.is_file())
    return sum(path.stat().st_size for path in paths if path.relative_to(version).parts[0] != _NOT_OF_THE_MODEL)


def _write_files(
    folder: Path, content: bytes, encoder: EncoderSettings, task: TaskSettings, measures: LiteMeasures
) -> None:
    folder.mkdir(parents=True)
    (folder / MODEL).write_bytes(content)
    tokens = read_tokens(vocab_path(encoder))
    (folder / VOCABULARY).write_text("".join(f"{token}\n" for token in tokens), encoding="utf-8")
    described = _described(encoder, tokens, task, measures)
    (folder / DESCRIPTION).write_text(json.dumps(described, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    example = Path(score.__file__)
    (folder / example.name).write_text(example.read_text(encoding="utf-8"), encoding="utf-8")


def _described(
    encoder: EncoderSettings, tokens: Sequence[str], task: TaskSettings, measures: LiteMeasures
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "tensorflow": tf.__version__,
        "precision": measures.precision,
        "task": {"kind": task.kind.value, "labels": list(task.classes)},
        "threshold": task.threshold,
        "tokenizer": {
            **asdict(encoder.normalisation),
            "markup": tokenizer.MARKUP,
            "longest_word": tokenizer.LONGEST_WORD,
            "start": tokens.index("[CLS]"),
            "end": tokens.index("[SEP]"),
            "max_tokens": encoder.max_tokens,
            "head_tokens": encoder.head_tokens,
        },
        # No times: the same training gives the same bytes.
        "measured": {
            name: getattr(measures, name)
            for name in ("measured_on", "n", "accuracy", "savedmodel_accuracy", "score_difference")
        },
    }
