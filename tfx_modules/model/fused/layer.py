"""Has the layers of an encoder compute in fewer and larger operations than Keras' own."""

from collections.abc import Sequence
from typing import Any

import keras
import keras_hub
import tensorflow as tf
from keras_hub.layers import TransformerEncoder

from tfx_modules.model.encoder.last_layer import FirstTokenLayer
from tfx_modules.model.fused.attention import attend
from tfx_modules.model.fused.dense import affine, gelu, norm_of_sum
from tfx_modules.model.fused.dropout import seed_of


def fuse_layers(backbone: keras_hub.models.Backbone) -> None:
    """Have an encoder's layers compute in fused operations; weights and their paths stay as they are."""
    for layer in backbone.transformer_layers:
        if type(layer) in _FUSED.values():
            continue
        if type(layer) not in _FUSED or layer.normalize_first:
            raise TypeError(f"a layer of the encoder is a {type(layer).__name__}; allowed: BERT's TransformerEncoder")
        # The backbone is a graph of layers that are there already: others cannot be put in their place.
        layer.__class__ = _FUSED[type(layer)]


class FusedLayer(TransformerEncoder):  # type: ignore[misc]
    """A layer of BERT that computes in fused operations."""

    def call(self, inputs: tf.Tensor, padding_mask: tf.Tensor, *, training: bool | None = None) -> tf.Tensor:
        """Compute the layer, from [batch, tokens, width] and the mask [batch, tokens], to the same shape."""
        return _compute(self, inputs, padding_mask, training=training, of_first=False)


class FusedFirstTokenLayer(FirstTokenLayer):
    """The same, which computes each text's first token alone."""

    def call(self, inputs: tf.Tensor, padding_mask: tf.Tensor, *, training: bool | None = None) -> tf.Tensor:
        """Compute the layer, from [batch, tokens, width] and the mask [batch, tokens], to [batch, 1, width]."""
        return _compute(self, inputs, padding_mask, training=training, of_first=True)


_FUSED = {TransformerEncoder: FusedLayer, FirstTokenLayer: FusedFirstTokenLayer}


def _compute(
    layer: Any, inputs: tf.Tensor, padding_mask: tf.Tensor, *, training: bool | None, of_first: bool
) -> tf.Tensor:
    attention = layer._self_attention_layer  # noqa: SLF001 - Keras has no public way to what a layer is made of
    parts = (attention._query_dense, attention._key_dense, attention._value_dense)  # noqa: SLF001 - as above
    heads, width = attention.num_heads, inputs.shape[-1]
    rows, tokens = tf.unstack(tf.shape(padding_mask))
    every = tf.reshape(inputs, [-1, width])
    if of_first:
        asking = inputs[:, 0]
        (query,) = _of_heads(asking, parts[:1], [rows, 1], heads)
        key, value = _of_heads(every, parts[1:], [rows, tokens], heads)
    else:
        asking = every
        query, key, value = _of_heads(every, parts, [rows, tokens], heads)
    weights = _dropout(attention._dropout_layer, training=training)  # noqa: SLF001 - as above
    mixed = attend(query, key, value, padding_mask, *weights)
    attended = _dense(tf.reshape(mixed, [-1, width]), attention._output_dense)  # noqa: SLF001 - as above
    dropout = _dropout(layer._self_attention_dropout, training=training)  # noqa: SLF001 - as above
    hidden = norm_of_sum(attended, asking, layer._self_attention_layer_norm, *dropout)  # noqa: SLF001 - as above
    inner = _dense(hidden, layer._feedforward_intermediate_dense)  # noqa: SLF001 - as above
    inner = gelu(inner, is_exact=layer.activation is keras.activations.gelu)
    outer = _dense(inner, layer._feedforward_output_dense)  # noqa: SLF001 - as above
    dropout = _dropout(layer._feedforward_dropout, training=training)  # noqa: SLF001 - as above
    made = norm_of_sum(outer, hidden, layer._feedforward_layer_norm, *dropout)  # noqa: SLF001 - as above
    return tf.reshape(made, [rows, -1, width])


def _dropout(layer: keras.layers.Dropout, *, training: bool | None) -> tuple[float, tf.Tensor]:
    """Return what a dropout layer drops now: its rate and seed, or 0 and any seed."""
    return (layer.rate, seed_of(layer)) if training and layer.rate else (0.0, tf.zeros([2], tf.uint32))


def _of_heads(values: tf.Tensor, layers: Sequence[Any], shape: list[Any], heads: int) -> list[tf.Tensor]:
    """Compute several layers of attention by one product: for each [rows, heads, tokens, size], from [..., width]."""
    kernels = [tf.reshape(tf.convert_to_tensor(layer.kernel), [values.shape[-1], -1]) for layer in layers]
    biases = [tf.reshape(tf.convert_to_tensor(layer.bias), [-1]) for layer in layers]
    joined = affine(values, tf.concat(kernels, axis=1), tf.concat(biases, axis=0))
    parts = tf.reshape(joined, [*shape, len(layers), heads, values.shape[-1] // heads])
    split: list[tf.Tensor] = tf.unstack(tf.transpose(parts, [2, 0, 3, 1, 4]))
    return split


def _dense(values: tf.Tensor, layer: Any) -> tf.Tensor:
    bias = tf.convert_to_tensor(layer.bias)
    return affine(values, tf.reshape(tf.convert_to_tensor(layer.kernel), [-1, bias.shape[0]]), bias)
