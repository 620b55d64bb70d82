"""Has an encoder compute its last layer for each text's first token alone, which is all that a classifier looks at."""

from typing import Any

import keras_hub
import tensorflow as tf
from keras_hub.layers import TransformerEncoder


def compute_first_token_alone(backbone: keras_hub.models.Backbone) -> None:
    """Have the encoder's last layer compute the first token alone; its ``sequence_output`` is [batch, 1, width] then.

    Keys and values are still computed of all tokens. Weights and their paths stay as they are, and so do the logits of
    a head on the first token. Call it before the encoder is called.
    """
    last = backbone.transformer_layers[-1]
    if isinstance(last, FirstTokenLayer):
        return
    if type(last) is not TransformerEncoder or last.normalize_first:
        raise TypeError(f"the encoder's last layer is a {type(last).__name__}; allowed: BERT's TransformerEncoder")
    # The backbone is a graph of layers that are there already: one with the same weights cannot be put in its place.
    last.__class__ = FirstTokenLayer


class FirstTokenLayer(TransformerEncoder):  # type: ignore[misc]
    """A layer of BERT that computes each text's first token alone."""

    def call(self, inputs: tf.Tensor, padding_mask: tf.Tensor, *, training: bool | None = None) -> tf.Tensor:
        """Compute the layer, from [batch, tokens, width] and the mask [batch, tokens], to [batch, 1, width]."""
        first = inputs[:, :1]
        attended = self._self_attention_layer(
            query=first, value=inputs, attention_mask=padding_mask[:, None, :] != 0, training=training
        )
        hidden = self._self_attention_layer_norm(first + self._self_attention_dropout(attended, training=training))
        inner = self._feedforward_intermediate_dense(hidden)
        outer = self._feedforward_dropout(self._feedforward_output_dense(inner), training=training)
        return self._feedforward_layer_norm(hidden + outer)

    def compute_output_shape(self, inputs_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return [batch, 1, width]."""
        return (inputs_shape[0], 1, inputs_shape[2])
