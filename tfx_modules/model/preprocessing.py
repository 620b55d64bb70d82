"""Preprocesses reviews: the Transform component's ``preprocessing_fn``."""

from typing import Any

import tensorflow as tf

from tfx_modules.data import features, tokenizer
from tfx_modules.model.encoder.files import vocab_path
from tfx_modules.settings.reading.reader import build
from tfx_modules.settings.settings import EncoderSettings


def preprocessing_fn(inputs: dict[str, tf.SparseTensor], custom_config: dict[str, Any]) -> dict[str, tf.Tensor]:
    """Fill missing text, remove markup and tokenise; pass the label on.

    Args:
        inputs: ``review``, bytes, at most one value a row.
        custom_config: ``encoder``, the fields of EncoderSettings.

    Returns:
        ``input_ids`` int64 [batch, max_tokens] and ``label`` int64 [batch]; a row without a label gets -1.
    """
    encoder = build(EncoderSettings, custom_config["encoder"])
    texts = _dense(inputs[features.REVIEW], b"")
    return {
        features.INPUT_IDS: tokenizer.encode(
            texts,
            vocab_path(encoder),
            encoder.normalisation,
            max_tokens=encoder.max_tokens,
            head_tokens=encoder.head_tokens,
        ),
        features.LABEL: _dense(inputs[features.LABEL], -1),
    }


def _dense(values: tf.SparseTensor, default: Any) -> tf.Tensor:
    rows = tf.cast(values.dense_shape[0], tf.int64)
    column = tf.sparse.SparseTensor(values.indices, values.values, tf.stack([rows, tf.constant(1, tf.int64)]))
    return tf.squeeze(tf.sparse.to_dense(column, default_value=default), axis=1)
