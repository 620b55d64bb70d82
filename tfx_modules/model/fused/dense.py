"""Computes what is between the products of an encoder's layer as one operation each, which XLA compiles.

Each has a gradient of its own, which computes again what is cheap, in place of keeping it. All are computed in float32
and returned in the type of what they are given.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import tensorflow as tf

from tfx_modules.model.fused.dropout import dropped

compiled = partial(tf.function, jit_compile=True, autograph=False, reduce_retracing=True)

Gradient = Callable[..., tuple[tf.Tensor | None, ...]]


@tf.custom_gradient  # type: ignore[untyped-decorator]
def affine(values: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
    """Multiply rows [rows, inputs] by a matrix [inputs, outputs] and add a bias [outputs]."""

    def gradient(given: tf.Tensor) -> tuple[tf.Tensor, ...]:
        of_values = tf.linalg.matmul(given, kernel, transpose_b=True)
        of_kernel = tf.linalg.matmul(values, given, transpose_a=True)
        return of_values, of_kernel, sum_of_rows(given)

    return tf.nn.bias_add(tf.linalg.matmul(values, kernel), bias), gradient


def sum_of_rows(values: tf.Tensor) -> tf.Tensor:
    """Add the rows of [rows, columns] up to [columns], as a product, which is several times as fast as a sum."""
    ones = tf.ones([1, tf.shape(values)[0]], values.dtype)
    return tf.linalg.matmul(ones, values)[0]


def gelu(values: tf.Tensor, *, is_exact: bool) -> tf.Tensor:
    """Compute GELU, or its approximation by tanh."""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def compute(values: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
        return _gelu(values, is_exact=is_exact), lambda given: _gelu_gradient(values, given, is_exact=is_exact)

    return compute(values)


@compiled
def _gelu(values: tf.Tensor, *, is_exact: bool) -> tf.Tensor:
    return tf.cast(tf.nn.gelu(tf.cast(values, tf.float32), approximate=not is_exact), values.dtype)


@compiled
def _gelu_gradient(values: tf.Tensor, given: tf.Tensor, *, is_exact: bool) -> tf.Tensor:
    exact = tf.cast(values, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(exact)
        made = tf.nn.gelu(exact, approximate=not is_exact)
    return tf.cast(tape.gradient(made, exact, tf.cast(given, tf.float32)), values.dtype)


def norm_of_sum(values: tf.Tensor, residual: tf.Tensor, norm: Any, rate: float, seed: tf.Tensor) -> tf.Tensor:
    """Drop some of the values, add the residual, and normalise each row.

    Args:
        values: [rows, width].
        residual: the same shape.
        norm: Keras' layer norm, whose factors and epsilon count.
        rate: of dropout.
        seed: of dropout.
    """
    epsilon = norm.epsilon

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def compute(
        values: tf.Tensor, residual: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor
    ) -> tuple[tf.Tensor, Gradient]:
        made, normal, scale = _norm(values, residual, gamma, beta, seed, rate, epsilon)

        def gradient(given: tf.Tensor) -> tuple[tf.Tensor, ...]:
            of_values, of_residual, of_gamma = _norm_gradient(given, normal, scale, gamma, seed, rate)
            sums = [tf.cast(sum_of_rows(one), tf.float32) for one in (of_gamma, given)]
            return of_values, of_residual, *sums

        return made, gradient

    return compute(values, residual, tf.convert_to_tensor(norm.gamma), tf.convert_to_tensor(norm.beta))


@compiled
def _norm(
    values: tf.Tensor,
    residual: tf.Tensor,
    gamma: tf.Tensor,
    beta: tf.Tensor,
    seed: tf.Tensor,
    rate: float,
    epsilon: float,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    total = tf.cast(residual, tf.float32) + dropped(tf.cast(values, tf.float32), rate, seed)
    centred = total - tf.reduce_mean(total, axis=-1, keepdims=True)
    scale = tf.math.rsqrt(tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True) + epsilon)
    normal = centred * scale
    return tf.cast(normal * gamma + beta, values.dtype), tf.cast(normal, values.dtype), scale


@compiled
def _norm_gradient(
    given: tf.Tensor, normal: tf.Tensor, scale: tf.Tensor, gamma: tf.Tensor, seed: tf.Tensor, rate: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    kind = given.dtype
    given, normal = tf.cast(given, tf.float32), tf.cast(normal, tf.float32)
    scaled = given * gamma
    mean = tf.reduce_mean(scaled, axis=-1, keepdims=True)
    along = tf.reduce_mean(scaled * normal, axis=-1, keepdims=True)
    of_total = scale * (scaled - mean - normal * along)
    of_values = dropped(of_total, rate, seed)
    return tf.cast(of_values, kind), tf.cast(of_total, kind), tf.cast(given * normal, kind)
