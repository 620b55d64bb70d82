"""Preprocesses reviews: the Transform component's ``preprocessing_fn``."""

from typing import Any

import tensorflow as tf

from tfx_modules.data import features, tokenizer
from tfx_modules.model.encoder.files import vocab_path
from tfx_modules.settings.reading.reader import build
from tfx_modules.settings.settings import EncoderSettings
from tfx_modules.settings.task import from_config


def preprocessing_fn(inputs: dict[str, tf.SparseTensor], custom_config: dict[str, Any]) -> dict[str, tf.Tensor]:
    """Fill missing text, remove markup and tokenise; pass the label on.

    Args:
        inputs: ``review``, bytes, at most one value a row.
        custom_config: ``encoder``, the fields of EncoderSettings; ``task``, of a multilabel one.

    Returns:
        ``input_ids`` int64 [batch, max_tokens] and ``label`` int64 [batch], of a multilabel task [batch, classes]; a
        row without a label gets -1.
    """
    encoder, task = build(EncoderSettings, custom_config["encoder"]), from_config(custom_config)
    texts = tf.squeeze(_dense(inputs[features.REVIEW], b""), axis=1)
    labels = _dense(inputs[features.LABEL], -1, task.outputs if task.has_sets else 1)
    return {
        features.INPUT_IDS: tokenizer.encode(
            texts,
            vocab_path(encoder),
            encoder.normalisation,
            max_tokens=encoder.max_tokens,
            head_tokens=encoder.head_tokens,
        ),
        features.LABEL: tf.ensure_shape(labels, [None, task.outputs]) if task.has_sets else tf.squeeze(labels, axis=1),
    }


def _dense(values: tf.SparseTensor, default: Any, width: int = 1) -> tf.Tensor:
    rows = tf.cast(values.dense_shape[0], tf.int64)
    column = tf.sparse.SparseTensor(values.indices, values.values, tf.stack([rows, tf.constant(width, tf.int64)]))
    return tf.sparse.to_dense(column, default_value=default)
