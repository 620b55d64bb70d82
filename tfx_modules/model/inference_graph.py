"""Rebuilds the trained classifier as a graph for inference: constants, fused operations, little padding.

Keras' own graph is made for training: its weights are variables, so TensorFlow packs them for the processor's matrix
units anew at each call, and attention uses einsums. This graph computes the same from constants, which are packed once.
TensorFlow fuses its operations: product, bias and GELU or sum; product, scale and mask; layer norm. In float32, each
layer is computed in two halves, one for each of two threads. It uses core operations only, so every TensorFlow
Serving runs it. A test compares it with Keras' graph.
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
        asking = tf.reshape(hidden, [rows, tokens, self._weights.width])[:, 0] if of_starts else hidden
        size = self._weights.width // self._weights.heads
        columns = [slice(heads.start * size, heads.stop * size) for heads in self._parts(self._weights.heads)]
        mixed = [self._mixed(hidden, asking, mask, rows, attention, half) for half in columns]
        hidden = self._norm(self._sum(asking, mixed, columns, f"{attention}/attention_output"), f"{attention}_norm")
        columns = self._parts(self._weights[f"{name}/feedforward_intermediate_dense/bias"].size)
        inner = [self._some(hidden, [f"{name}/feedforward_intermediate_dense"], half) for half in columns]
        inner = [tf.nn.gelu(half, approximate=not self._weights.is_gelu_exact) for half in inner]
        outer = self._sum(hidden, inner, columns, f"{name}/feedforward_output_dense")
        return self._norm(outer, f"{name}/feedforward_layer_norm")

    def _parts(self, count: int) -> list[slice]:
        """Return two halves of heads, or of the inner values of a feed-forward part, for two threads.

        The threads wait for each other only for the two sums of a layer. That costs less than to cut each operation in
        two, for which threads wait after each. In bfloat16, where products are quick, it costs more than it gains.
        """
        if self._dtype != tf.float32 or count == 1:
            return [slice(0, count)]
        return [slice(0, count // 2), slice(count // 2, count)]

    def _mixed(
        self, hidden: tf.Tensor, asking: tf.Tensor, mask: tf.Tensor, rows: tf.Tensor, attention: str, columns: slice
    ) -> tf.Tensor:
        """Mix the values of some heads, for each token that asks.

        Args:
            hidden: [rows * tokens, width].
            asking: [rows * tokens that ask, width].
            mask: [rows, 1, 1, tokens], added to the likeness of tokens.
            rows: their number.
            attention: the layer's name.
            columns: of the heads, among those of all.

        Returns:
            [rows * tokens that ask, columns]
        """
        query, key, value = (f"{attention}/{part}" for part in ("query", "key", "value"))
        if asking is hidden:
            query, key, value = self._of_heads(hidden, rows, [query, key, value], columns)
        else:
            key, value = self._of_heads(hidden, rows, [key, value], columns)
            (query,) = self._of_heads(asking, rows, [query], columns)
        # Scaled here and not in the weights: product, scale and mask are one operation then.
        scale = tf.constant((self._weights.width // self._weights.heads) ** -0.5, self._dtype)
        likeness = tf.matmul(query, key, transpose_b=True) * scale + mask
        mixed = tf.transpose(tf.matmul(tf.nn.softmax(likeness), value), [0, 2, 1, 3])
        return tf.reshape(mixed, [-1, columns.stop - columns.start])

    def _of_heads(self, hidden: tf.Tensor, rows: tf.Tensor, names: list[str], columns: slice) -> list[tf.Tensor]:
        """Compute what some heads need of tokens by one product: for each name [rows, heads, tokens, size]."""
        size = self._weights.width // self._weights.heads
        joined = self._some(hidden, names, columns)
        parts = tf.reshape(joined, [rows, -1, len(names), (columns.stop - columns.start) // size, size])
        split: list[tf.Tensor] = tf.unstack(tf.transpose(parts, [2, 0, 3, 1, 4]))
        return split

    def _some(self, values: tf.Tensor, names: list[str], columns: slice) -> tf.Tensor:
        """Compute some outputs, the same of each, of several dense layers by one product."""
        return _affine(values, *(self._constant(part) for part in self._weights.together(names, columns)))

    def _sum(self, values: tf.Tensor, parts: list[tf.Tensor], columns: list[slice], name: str) -> tf.Tensor:
        """Add a dense layer's output to values; the layer's input is given in parts, which are these columns of it."""
        kernel, bias = self._weights.matrix(name)
        # Each product has a bias, for TensorFlow keeps matrices packed for products with a bias alone.
        biases = [self._constant(bias), *[tf.zeros_like(bias, self._dtype)] * (len(parts) - 1)]
        outputs = [
            _affine(part, self._constant(kernel[rows]), each)
            for part, rows, each in zip(parts, columns, biases, strict=True)
        ]
        # Of three and more summands none is fused with a product, which would then wait for the other one.
        return tf.add_n([values, *outputs]) if len(outputs) > 1 else values + outputs[0]

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
