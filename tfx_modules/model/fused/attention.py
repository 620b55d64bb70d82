"""Computes attention from queries, keys and values, with one operation between its two products."""

import tensorflow as tf

from tfx_modules.model.fused.dense import Gradient, compiled
from tfx_modules.model.fused.dropout import dropped

_MASKED = -1e9


def attend(
    query: tf.Tensor, key: tf.Tensor, value: tf.Tensor, padding_mask: tf.Tensor, rate: float, seed: tf.Tensor
) -> tf.Tensor:
    """Mix the values of a text's tokens for each token that asks.

    Args:
        query: [rows, heads, tokens that ask, size].
        key: [rows, heads, tokens, size].
        value: the same shape.
        padding_mask: int [rows, tokens], 0 is padding.
        rate: of dropout.
        seed: of dropout.

    Returns:
        [rows, tokens that ask, heads, size]
    """
    mask = tf.where(padding_mask == 0, _MASKED, 0.0)[:, tf.newaxis, tf.newaxis, :]
    likeness = tf.linalg.matmul(query, key, transpose_b=True)
    shares = _shares(likeness, mask, query.shape[-1] ** -0.5, rate, seed)
    return tf.transpose(tf.linalg.matmul(shares, value), [0, 2, 1, 3])


def _shares(likeness: tf.Tensor, mask: tf.Tensor, scale: float, rate: float, seed: tf.Tensor) -> tf.Tensor:
    """Turn likeness into shares, of which some are dropped: [rows, heads, tokens, tokens]."""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def compute(likeness: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
        shares, some = _softmax(likeness, mask, seed, scale, rate)
        return some, lambda given: _softmax_gradient(given, shares, seed, scale, rate)

    return compute(likeness)


@compiled
def _softmax(
    likeness: tf.Tensor, mask: tf.Tensor, seed: tf.Tensor, scale: float, rate: float
) -> tuple[tf.Tensor, tf.Tensor]:
    shares = tf.nn.softmax(tf.cast(likeness, tf.float32) * scale + mask)
    return tf.cast(shares, likeness.dtype), tf.cast(dropped(shares, rate, seed), likeness.dtype)


@compiled
def _softmax_gradient(given: tf.Tensor, shares: tf.Tensor, seed: tf.Tensor, scale: float, rate: float) -> tf.Tensor:
    kind = given.dtype
    given, shares = dropped(tf.cast(given, tf.float32), rate, seed), tf.cast(shares, tf.float32)
    return tf.cast(scale * shares * (given - tf.reduce_sum(given * shares, axis=-1, keepdims=True)), kind)
