"""Builds the trained classifier as a graph for TFLite, from the token ids of one text to its logits.

It computes what ``inference_graph.BertGraph`` does in a pass, by operations that TFLite has itself. No operation takes
a shape from another tensor: after the input has been resized, all shapes are known before anything is computed, and
TFLite hands the graph to its fast kernels (XNNPACK) as a whole.
"""

from typing import Any

import keras
import tensorflow as tf

from tfx_modules.model.bert_weights import PROJECTION, BertWeights

IDS = "ids"
LOGITS = "logits"
SIGNATURE = "serving_default"
"""For a text of any length."""
PADDED = "padded"
"""For one that is padded to the greatest length: some runtimes, as LiteRT.js, take fixed shapes alone."""
_MASKED = -1e9


class LiteGraph(tf.Module):  # type: ignore[misc]
    """A classifier of ``bert_classifier.build_classifier`` with its weights as constants, for one text."""

    def __init__(self, classifier: keras.Model) -> None:
        """Copy the weights.

        Args:
            classifier: from ids to one logit, or to one for each class.
        """
        super().__init__()
        self._weights = BertWeights(classifier)

    def signatures(self, tokens: int) -> dict[str, Any]:
        """Return the traced function of each signature; they share their constants in the converted model.

        Args:
            tokens: the length of ``PADDED``.
        """
        return {
            name: tf.function(self.compute).get_concrete_function(tf.TensorSpec([1, length], tf.int32, name=IDS))
            for name, length in ((SIGNATURE, None), (PADDED, tokens))
        }

    def compute(self, ids: tf.Tensor) -> dict[str, tf.Tensor]:
        """Compute the logits of a text.

        Args:
            ids: int32 [1, tokens], 0 is padding at the end.

        Returns:
            ``logits`` float32 [1], or [1, classes].
        """
        mask = tf.cast(tf.equal(ids, 0), tf.float32)[:, tf.newaxis, tf.newaxis, :] * _MASKED
        hidden = self._norm(self._embedded(ids), "embeddings_layer_norm")
        if self._weights.embedding != self._weights.width:
            hidden = self._dense(hidden, PROJECTION)
        for number in range(self._weights.layers):
            is_last = number == self._weights.layers - 1
            hidden = self._layer(hidden, mask, f"transformer_layer_{number}", of_start=is_last)
        logits = self._dense(hidden, "logit")
        return {LOGITS: logits if self._weights.classes else tf.reshape(logits, [1])}

    def _embedded(self, ids: tf.Tensor) -> tf.Tensor:
        """Look up the vectors of words and places, [tokens, embedding]."""
        ids = tf.reshape(ids, [-1])
        places = self._weights["position_embedding/embeddings"] + self._weights["segment_embedding/embeddings"][0]
        numbers = tf.cumsum(tf.ones_like(ids), exclusive=True)
        return tf.gather(tf.constant(self._weights.words), ids) + tf.gather(tf.constant(places), numbers)

    def _layer(self, hidden: tf.Tensor, mask: tf.Tensor, name: str, *, of_start: bool) -> tf.Tensor:
        """Compute a layer of the encoder, from [tokens, width] to the same, or to [1, width] of the first token."""
        asking = hidden[:1] if of_start else hidden
        attended = self._attention(asking, hidden, mask, f"{name}/self_attention_layer")
        hidden = self._norm(asking + attended, f"{name}/self_attention_layer_norm")
        inner = self._dense(hidden, f"{name}/feedforward_intermediate_dense")
        inner = tf.nn.gelu(inner, approximate=not self._weights.is_gelu_exact)
        outer = self._dense(inner, f"{name}/feedforward_output_dense")
        return self._norm(hidden + outer, f"{name}/feedforward_layer_norm")

    def _attention(self, asking: tf.Tensor, hidden: tf.Tensor, mask: tf.Tensor, name: str) -> tf.Tensor:
        size = self._weights.width // self._weights.heads

        def of_heads(tokens: tf.Tensor, part: str) -> tf.Tensor:
            values = tf.reshape(self._dense(tokens, f"{name}/{part}"), [1, -1, self._weights.heads, size])
            return tf.transpose(values, [0, 2, 1, 3])

        query, key, value = of_heads(asking, "query"), of_heads(hidden, "key"), of_heads(hidden, "value")
        likeness = tf.matmul(query, key, transpose_b=True) * size**-0.5 + mask
        mixed = tf.transpose(tf.matmul(tf.nn.softmax(likeness), value), [0, 2, 1, 3])
        return self._dense(tf.reshape(mixed, [-1, self._weights.width]), f"{name}/attention_output")

    def _dense(self, values: tf.Tensor, name: str) -> tf.Tensor:
        kernel, bias = self._weights.matrix(name)
        return tf.nn.bias_add(tf.matmul(values, tf.constant(kernel)), tf.constant(bias))

    def _norm(self, values: tf.Tensor, name: str) -> tf.Tensor:
        mean = tf.reduce_mean(values, axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.math.squared_difference(values, mean), axis=-1, keepdims=True)
        normal = (values - mean) * tf.math.rsqrt(variance + self._weights.epsilon)
        return normal * self._weights[f"{name}/gamma"] + self._weights[f"{name}/beta"]
