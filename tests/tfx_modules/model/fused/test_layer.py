"""Layers in fused operations compute and learn what Keras' own do."""

from functools import partial
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras_hub.layers import TransformerEncoder

from tfx_modules.model.fused.attention import attend
from tfx_modules.model.fused.dense import gelu, norm_of_sum
from tfx_modules.model.fused.dropout import dropped
from tfx_modules.model.fused.layer import FusedLayer

WIDTH, TOKENS = 16, 6
APPROXIMATE = partial(keras.activations.gelu, approximate=True)
MASK = tf.constant([[1] * TOKENS, [1, 1, 1, 0, 0, 0]])


def made_of(activation: Any, dropout: float = 0.0, dtype: str | None = None) -> TransformerEncoder:
    """Make a layer with the same random weights each time, none of them 0 or 1."""
    keras.utils.set_random_seed(3)
    layer = TransformerEncoder(24, 2, activation=activation, dropout=dropout, layer_norm_epsilon=1e-12, dtype=dtype)
    layer.build((None, TOKENS, WIDTH))
    for variable in layer.trainable_variables:
        variable.assign_add(tf.random.normal(variable.shape, stddev=0.1))
    return layer


def outputs_and_gradients(layer: TransformerEncoder) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Compute a layer of the same values, and the gradients of the values and of the weights."""
    inputs = tf.random.stateless_normal((2, TOKENS, WIDTH), (1, 2))
    weights = tf.random.stateless_normal((2, TOKENS, WIDTH), (3, 4))
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        made = tf.cast(layer(inputs, padding_mask=MASK, training=True), tf.float32)
        loss = tf.reduce_sum(made * weights)
    return made, tape.gradient(loss, [inputs, *(variable.value for variable in layer.trainable_variables)])


@pytest.mark.parametrize("activation", [keras.activations.gelu, APPROXIMATE])
def test_a_fused_layer_computes_and_learns_what_keras_does(activation: Any) -> None:
    layer = made_of(activation)
    made, gradients = outputs_and_gradients(layer)

    layer.__class__ = FusedLayer
    fused, fused_gradients = outputs_and_gradients(layer)

    np.testing.assert_allclose(fused, made, atol=1e-5)
    for mine, theirs in zip(fused_gradients, gradients, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=2e-4)


def test_in_bfloat16_it_is_as_near_to_float32_as_keras_is() -> None:
    exact = outputs_and_gradients(made_of(APPROXIMATE))
    layer = made_of(APPROXIMATE, dtype="mixed_bfloat16")
    theirs = outputs_and_gradients(layer)
    layer.__class__ = FusedLayer
    mine = outputs_and_gradients(layer)

    assert np.abs(mine[0] - exact[0]).mean() < 1.2 * np.abs(theirs[0] - exact[0]).mean()
    assert {gradient.dtype for gradient in mine[1]} == {tf.float32}
    far = [sum(np.abs(a - b).mean() for a, b in zip(side[1], exact[1], strict=True)) for side in (mine, theirs)]
    assert far[0] < 1.2 * far[1]


def test_it_drops_while_it_trains_and_not_otherwise() -> None:
    layer = made_of(APPROXIMATE, dropout=0.3)
    inputs = tf.ones((2, TOKENS, WIDTH))
    served = layer(inputs, padding_mask=MASK)
    layer.__class__ = FusedLayer
    trained = [layer(inputs, padding_mask=MASK, training=True).numpy() for _ in range(2)]

    np.testing.assert_allclose(layer(inputs, padding_mask=MASK), served, atol=1e-5)
    assert not np.allclose(trained[0], served, atol=1e-2)
    assert not np.allclose(trained[0], trained[1], atol=1e-2)


def test_the_gradient_of_a_norm_drops_what_the_norm_dropped() -> None:
    norm = keras.layers.LayerNormalization(epsilon=1e-12)
    norm.build((None, WIDTH))
    values, residual = (tf.random.stateless_normal((8, WIDTH), (1, number)) for number in range(2))
    weights, seed = tf.random.stateless_normal((8, WIDTH), (1, 5)), tf.constant([7, 1], tf.uint32)

    def plain(values: tf.Tensor, residual: tf.Tensor) -> tf.Tensor:
        return norm(dropped(values, 0.4, seed) + residual)

    found = []
    for compute in (plain, lambda values, residual: norm_of_sum(values, residual, norm, 0.4, seed)):
        with tf.GradientTape() as tape:
            tape.watch([values, residual])
            loss = tf.reduce_sum(compute(values, residual) * weights)
        found.append([loss, *tape.gradient(loss, [values, residual, norm.gamma.value, norm.beta.value])])

    for theirs, mine in zip(*found, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-4)


def test_the_gradient_of_attention_drops_what_attention_dropped() -> None:
    query, key, value = (tf.random.stateless_normal((2, 2, TOKENS, 8), (1, number)) for number in range(3))
    weights, seed = tf.random.stateless_normal((2, TOKENS, 2, 8), (1, 5)), tf.constant([7, 1], tf.uint32)

    def plain(query: tf.Tensor, key: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
        mask = tf.where(MASK == 0, -1e9, 0.0)[:, tf.newaxis, tf.newaxis, :]
        shares = tf.nn.softmax(tf.linalg.matmul(query, key, transpose_b=True) * 8**-0.5 + mask)
        return tf.transpose(tf.linalg.matmul(dropped(shares, 0.4, seed), value), [0, 2, 1, 3])

    found = []
    for compute in (plain, lambda query, key, value: attend(query, key, value, MASK, 0.4, seed)):
        with tf.GradientTape() as tape:
            tape.watch([query, key, value])
            loss = tf.reduce_sum(compute(query, key, value) * weights)
        found.append([loss, *tape.gradient(loss, [query, key, value])])

    for theirs, mine in zip(*found, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-4)


@pytest.mark.parametrize("is_exact", [True, False])
def test_gelu_is_keras_own(is_exact: bool) -> None:
    values = tf.linspace(-6.0, 6.0, 100)
    made = gelu(values, is_exact=is_exact)
    np.testing.assert_allclose(made, keras.activations.gelu(values, approximate=not is_exact), atol=1e-6)
