"""Rebuilds the trained classifier as a graph for inference: constants, fused operations, little padding.

Keras' own graph is made for training: its weights are variables, so TensorFlow packs them for the processor's matrix
units anew at each call, and attention uses einsums. This graph computes the same from constants, which are packed once.
TensorFlow fuses its operations: product, bias and GELU or sum; product, scale and mask; layer norm. It uses core
operations only, so every TensorFlow Serving runs it. A test compares it with Keras' graph.
"""

import keras
import tensorflow as tf

from tfx_modules.model.bert_weights import PROJECTION, Array, BertWeights

# The fixed cost of a pass, in tokens: measured 4 to 6 ms a pass, 0.03 to 0.1 ms a token.
PASS_TOKENS = 128
# More tokens in one pass are no faster: what they compute in no longer fits in the caches of a core.
MOST_TOKENS = 1024
# Lengths are rounded up: the processor's matrix units take 16 rows at a time, and TensorFlow prepares for each shape.
LENGTH_STEP = 16
_MASKED = -1e9


class BertGraph:
    """A classifier of ``model.build_classifier`` with its weights as constants. Cannot be trained.

    Attributes:
        words: the words' vectors, a variable, which the object that is saved has to hold: they are half of all weights,
            are looked up and not multiplied, and TensorFlow makes many copies of a constant.
    """

    def __init__(self, classifier: keras.Model, dtype: tf.DType) -> None:
        """Copy the weights.

        Args:
            classifier: from ids to one logit, or to one for each class.
            dtype: what the matrices are computed in, float32 or bfloat16; the logit is float32 in both.
        """
        self._dtype = dtype
        self._weights = BertWeights(classifier)
        self._classes = self._weights.classes
        self.words = tf.Variable(tf.cast(self._weights.words, dtype), trainable=False, name="words")
        # A separate function, traced once, so that all signatures share one copy of the weights. Inside the body of a
        # loop, TensorFlow would neither see that they are constant nor fuse the operations on them.
        self._pass = tf.function(self._logits, experimental_attributes={"_noinline": True}).get_concrete_function(
            tf.TensorSpec([None, None], tf.int32)
        )

    def logits(self, ids: tf.Tensor) -> tf.Tensor:
        """Compute the logits of positive, or of each class.

        Rows go through the encoder in passes of like length, longest first: a pass ends where its padding would cost
        more than another pass.

        Args:
            ids: int32 [rows, tokens], 0 is padding, at the end of a row.

        Returns:
            float32 [rows], or [rows, classes]
        """
        lengths = tf.math.count_nonzero(ids, axis=1, dtype=tf.int32)
        order = tf.argsort(lengths, direction="DESCENDING")
        lengths, ids = tf.gather(lengths, order), tf.gather(ids, order)
        rows = tf.size(lengths)

        def one_pass(begin: tf.Tensor, logits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            end = begin + rows_of_pass(lengths[begin:])
            longest = tf.minimum(_rounded(lengths[begin]), tf.shape(ids)[1])
            return end, tf.concat([logits, self._pass(ids[begin:end, :longest])], axis=0)

        state = (tf.constant(0), tf.zeros([0, *self._classes]))
        shapes = (tf.TensorShape([]), tf.TensorShape([None, *self._classes]))
        _, logits = tf.while_loop(lambda begin, _: begin < rows, one_pass, state, shapes, parallel_iterations=1)
        return tf.scatter_nd(order[:, tf.newaxis], logits, [rows, *self._classes])

    def _logits(self, ids: tf.Tensor) -> tf.Tensor:
        rows, tokens = tf.unstack(tf.shape(ids))
        mask = tf.where(ids == 0, tf.constant(_MASKED, self._dtype), tf.constant(0.0, self._dtype))
        mask = mask[:, tf.newaxis, tf.newaxis, :]
        places, segments = (
            self._constant(self._weights[f"{kind}_embedding/embeddings"]) for kind in ("position", "segment")
        )
        hidden = tf.reshape(tf.gather(self.words, ids) + places[:tokens] + segments[0], [-1, self._weights.embedding])
        hidden = self._norm(hidden, "embeddings_layer_norm")
        if self._weights.embedding != self._weights.width:
            hidden = self._dense(hidden, PROJECTION)
        for number in range(self._weights.layers):
            is_last = number == self._weights.layers - 1
            hidden = self._layer(hidden, mask, rows, tokens, f"transformer_layer_{number}", of_starts=is_last)
        start = tf.cast(hidden, tf.float32)
        kernel, bias = (tf.constant(self._weights[f"logit/{part}"]) for part in ("kernel", "bias"))
        logits = tf.matmul(start, kernel) + bias
        return logits if self._classes else tf.squeeze(logits, axis=1)

    def _layer(
        self, hidden: tf.Tensor, mask: tf.Tensor, rows: tf.Tensor, tokens: tf.Tensor, name: str, *, of_starts: bool
    ) -> tf.Tensor:
        """Compute a layer of the encoder.

        Args:
            hidden: [rows * tokens, width].
            mask: [rows, 1, 1, tokens], added to the likeness of tokens.
            rows: their number.
            tokens: of a row.
            name: the layer's.
            of_starts: of each row's first token alone, which is all that the head looks at.

        Returns:
            [rows * tokens, width], or [rows, width] of the first tokens.
        """
        attention = f"{name}/self_attention_layer"
        if of_starts:
            start = tf.reshape(hidden, [rows, tokens, self._weights.width])[:, 0]
            key, value = self._of_heads(hidden, rows, tokens, [f"{attention}/{part}" for part in ("key", "value")])
            (query,) = self._of_heads(start, rows, 1, [f"{attention}/query"])
            hidden = start
        else:
            parts = [f"{attention}/{part}" for part in ("query", "key", "value")]
            query, key, value = self._of_heads(hidden, rows, tokens, parts)
        attended = self._dense(self._mixed(query, key, value, mask), f"{attention}/attention_output")
        hidden = self._norm(hidden + attended, f"{attention}_norm")
        inner = self._dense(hidden, f"{name}/feedforward_intermediate_dense")
        inner = tf.nn.gelu(inner, approximate=not self._weights.is_gelu_exact)
        outer = self._dense(inner, f"{name}/feedforward_output_dense")
        return self._norm(hidden + outer, f"{name}/feedforward_layer_norm")

    def _of_heads(
        self, hidden: tf.Tensor, rows: tf.Tensor, tokens: tf.Tensor | int, names: list[str]
    ) -> list[tf.Tensor]:
        """Compute what attention needs of tokens by one product: for each name [rows, heads, tokens, size]."""
        size = self._weights.width // self._weights.heads
        kernel, bias = self._weights.together(names)
        joined = _affine(hidden, self._constant(kernel), self._constant(bias))
        parts = tf.reshape(joined, [rows, tokens, len(names), self._weights.heads, size])
        split: list[tf.Tensor] = tf.unstack(tf.transpose(parts, [2, 0, 3, 1, 4]))
        return split

    def _mixed(self, query: tf.Tensor, key: tf.Tensor, value: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """Mix the values for each token that asks: [rows * tokens that ask, width]."""
        # Scaled here and not in the weights: product, scale and mask are one operation then.
        scale = tf.constant((self._weights.width // self._weights.heads) ** -0.5, self._dtype)
        likeness = tf.matmul(query, key, transpose_b=True) * scale + mask
        mixed = tf.transpose(tf.matmul(tf.nn.softmax(likeness), value), [0, 2, 1, 3])
        return tf.reshape(mixed, [-1, self._weights.width])

    def _dense(self, values: tf.Tensor, name: str) -> tf.Tensor:
        return _affine(values, *(self._constant(part) for part in self._weights.matrix(name)))

    def _norm(self, values: tf.Tensor, name: str) -> tf.Tensor:
        """Normalise rows, [rows, width]: as the batch norm of one image, which is fused to one operation."""
        rows = tf.shape(values)[:1]
        image = tf.reshape(values, [1, -1, values.shape[-1], 1])
        normal, _, _ = tf.compat.v1.nn.fused_batch_norm(
            image, tf.ones(rows), tf.zeros(rows), epsilon=self._weights.epsilon, data_format="NCHW"
        )
        gamma, beta = (self._constant(self._weights[f"{name}/{part}"]) for part in ("gamma", "beta"))
        return tf.reshape(normal, tf.shape(values)) * gamma + beta

    def _constant(self, values: Array) -> tf.Tensor:
        return tf.constant(values, self._dtype)


def _affine(values: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    return tf.nn.bias_add(tf.matmul(values, kernel), bias)


def _rounded(length: tf.Tensor) -> tf.Tensor:
    return (tf.maximum(length, 1) + LENGTH_STEP - 1) // LENGTH_STEP * LENGTH_STEP


def rows_of_pass(lengths: tf.Tensor) -> tf.Tensor:
    """Return the number of rows, of these falling lengths, that the next pass through the encoder takes; 1 or more."""
    count = tf.range(1, tf.size(lengths) + 1)
    tokens = count * tf.maximum(lengths[0], 1)
    padding = tokens - tf.cumsum(lengths)
    fits = (padding <= PASS_TOKENS) & (tokens <= MOST_TOKENS)
    return tf.maximum(tf.math.count_nonzero(fits, dtype=tf.int32), 1)
