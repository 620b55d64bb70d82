"""Converts the protos of Classify, Regress and MultiInference to and from the data plane's types."""

from typing import Any

import numpy as np
from tensorflow_serving.apis import classification_pb2, regression_pb2

from tfx_modules.serving.exceptions import InvalidRequestError
from tfx_modules.serving.inference.classify_regress import Classifications, Regressions, with_context


def read_examples(proto: Any, limit: int = 0) -> list[bytes]:
    """Return an ``Input``'s examples, serialised, each with the context's features in it; none for an empty one.

    Args:
        proto: the ``Input``.
        limit: bytes that they may have together, with the context once for each; 0 = any number.

    Raises:
        InvalidRequestError: they have more.
    """
    kind = proto.WhichOneof("kind")
    if kind is None:
        return []
    examples = getattr(proto, kind)
    context = examples.context.SerializeToString() if kind == "example_list_with_context" else b""
    return with_context(context, [example.SerializeToString() for example in examples.examples], limit)


def write_classifications(result: Classifications) -> classification_pb2.ClassificationResult:
    """Convert classes with their scores.

    Raises:
        InvalidRequestError: a label is not UTF-8, which the proto's field has to be.
    """
    proto = classification_pb2.ClassificationResult()
    for labels, scores in zip(result.labels.tolist(), result.scores.tolist(), strict=True):
        row = proto.classifications.add()
        for label, score in zip(labels, scores, strict=True):
            row.classes.add(label=_text(label), score=score)
    return proto


def write_regressions(result: Regressions) -> regression_pb2.RegressionResult:
    """Convert one value per example."""
    proto = regression_pb2.RegressionResult()
    for value in np.ravel(result.values).tolist():
        proto.regressions.add(value=value)
    return proto


def _text(label: bytes) -> str:
    try:
        return label.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequestError(f"the model's label {label!r} is not UTF-8; use Predict for bytes") from error
