"""Chooses what dropout drops, by a hash of each value's place and of a seed.

TensorFlow's own random numbers (Philox) cost as much as a product of matrices when there is one for each weight of
attention, and XLA computes them several times over. A hash has a few operations for each value, is computed where it is
needed, and again for the gradient, so that no mask has to be kept.
"""

import keras
import tensorflow as tf

_ROUND = ((16, 0x7FEB352D), (15, 0x846CA68B))
"""Shifts and factors of a mixing round of 32 bits (Wellons' "lowbias32", https://nullprogram.com/blog/2018/07/31/)."""
_LAST_SHIFT = 16
_KEYS = (0x9E3779B9, 0x85EBCA6B)


def seed_of(layer: keras.layers.Dropout) -> tf.Tensor:
    """Draw the next seed of a dropout layer that drops something, uint32 [2]."""
    drawn = tf.cast(layer.seed_generator.next(), tf.int64)
    return tf.cast(tf.bitwise.bitwise_and(drawn, tf.constant(0xFFFFFFFF, tf.int64)), tf.uint32)


def dropped(values: tf.Tensor, rate: float, seed: tf.Tensor) -> tf.Tensor:
    """Set a share of the values to 0, and enlarge the others, as dropout does; the same ones for the same seed.

    Args:
        values: float32 of any shape, below 2³² of them.
        rate: the share.
        seed: from :func:`seed_of`.
    """
    if not rate:
        return values
    numbers = tf.cast(tf.reshape(tf.range(tf.size(values)), tf.shape(values)), tf.uint32)
    of_layer, of_step = tf.unstack(_mixed(seed + tf.constant(_KEYS, tf.uint32)))
    # The step's key is the same in all layers: without the layer's in it, two of them would drop alike in parts.
    key = _mixed(tf.bitwise.bitwise_xor(of_layer, of_step))
    bits = _mixed(_mixed(numbers + of_layer) + key)
    is_kept = bits >= tf.constant(round(rate * 2**32), tf.uint32)
    return tf.where(is_kept, values / (1.0 - rate), tf.zeros_like(values))


def _mixed(bits: tf.Tensor) -> tf.Tensor:
    for shift, factor in _ROUND:
        bits = tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, tf.constant(shift, tf.uint32)))
        bits *= tf.constant(factor, tf.uint32)
    return tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, tf.constant(_LAST_SHIFT, tf.uint32)))
