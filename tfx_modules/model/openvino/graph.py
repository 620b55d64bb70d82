"""Builds the trained classifier as an OpenVINO model, from token ids to logits.

It computes what ``inference_graph.BertGraph`` does in a pass. It is built from the weights, operation by operation, and
not converted from TensorFlow's graph: that one has layer norm and attention in the form that TensorFlow fuses, which
OpenVINO does not.
"""

from typing import Any

import keras
import numpy as np
import openvino
from openvino import opset13 as op

from tfx_modules.model.bert_weights import PROJECTION, Array, BertWeights

IDS = "ids"
LOGITS = "logits"
_MASKED = -1e9

Node = Any
"""An operation of OpenVINO, with one output."""


def build(classifier: keras.Model) -> openvino.Model:
    """Build the model.

    Args:
        classifier: from ids to one logit, or to one for each class.

    Returns:
        From ``ids`` int32 [rows, tokens], 0 is padding at the end of a row, to ``logits`` float32 [rows], or
        [rows, classes].
    """
    return _Builder(BertWeights(classifier)).model()


class _Builder:
    def __init__(self, weights: BertWeights) -> None:
        self._weights = weights

    def model(self) -> openvino.Model:
        ids = op.parameter([-1, -1], np.int32, name=IDS)
        ids.output(0).set_names({IDS})
        mask = op.select(op.equal(ids, _whole(0, np.int32)), _constant(_MASKED), _constant(0.0))
        mask = op.unsqueeze(mask, _whole([1, 2]))
        hidden = self._norm(self._embedded(ids), "embeddings_layer_norm")
        if self._weights.embedding != self._weights.width:
            hidden = self._dense(hidden, PROJECTION)
        for number in range(self._weights.layers):
            is_last = number == self._weights.layers - 1
            hidden = self._layer(hidden, mask, f"transformer_layer_{number}", of_starts=is_last)
        logits = self._dense(op.squeeze(hidden, _whole([1])), "logit")
        if not self._weights.classes:
            logits = op.squeeze(logits, _whole([1]))
        logits.output(0).set_names({LOGITS})
        return openvino.Model([op.result(logits)], [ids], "bert_classifier")

    def _embedded(self, ids: Node) -> Node:
        tokens = op.gather(op.shape_of(ids), _whole([1]), _whole(0))
        places = _constant(self._weights["position_embedding/embeddings"])
        places = op.slice(places, _whole([0]), tokens, _whole([1]), _whole([0]))
        segment = _constant(self._weights["segment_embedding/embeddings"][0])
        words = op.gather(_constant(self._weights.words), ids, _whole(0))
        return op.add(op.add(words, places), segment)

    def _layer(self, hidden: Node, mask: Node, name: str, *, of_starts: bool) -> Node:
        """Compute a layer: of all tokens, or of each row's first one alone, which is all that the head looks at."""
        asking = op.slice(hidden, _whole([0]), _whole([1]), _whole([1]), _whole([1])) if of_starts else hidden
        attended = self._attention(asking, hidden, mask, f"{name}/self_attention_layer")
        hidden = self._norm(op.add(asking, attended), f"{name}/self_attention_layer_norm")
        gelu = "erf" if self._weights.is_gelu_exact else "tanh"
        inner = op.gelu(self._dense(hidden, f"{name}/feedforward_intermediate_dense"), gelu)
        outer = self._dense(inner, f"{name}/feedforward_output_dense")
        return self._norm(op.add(hidden, outer), f"{name}/feedforward_layer_norm")

    def _attention(self, asking: Node, hidden: Node, mask: Node, name: str) -> Node:
        size = self._weights.width // self._weights.heads

        def of_heads(tokens: Node, part: str) -> Node:
            values = op.reshape(
                self._dense(tokens, f"{name}/{part}"), _whole([0, 0, self._weights.heads, size]), special_zero=True
            )
            return op.transpose(values, _whole([0, 2, 1, 3]))

        query, key, value = of_heads(asking, "query"), of_heads(hidden, "key"), of_heads(hidden, "value")
        mixed = op.scaled_dot_product_attention(query, key, value, mask)
        joined = op.reshape(
            op.transpose(mixed, _whole([0, 2, 1, 3])), _whole([0, 0, self._weights.width]), special_zero=True
        )
        return self._dense(joined, f"{name}/attention_output")

    def _dense(self, values: Node, name: str) -> Node:
        kernel, bias = self._weights.matrix(name)
        # As [outputs, inputs], which is how OpenVINO's INT8 products want it.
        product = op.matmul(
            values, _constant(np.ascontiguousarray(kernel.T)), transpose_a=False, transpose_b=True, name=name
        )
        return op.add(product, _constant(bias))

    def _norm(self, values: Node, name: str) -> Node:
        normal = op.mvn(
            values, _whole([-1]), normalize_variance=True, eps=float(self._weights.epsilon), eps_mode="INSIDE_SQRT"
        )
        gamma, beta = (_constant(self._weights[f"{name}/{part}"]) for part in ("gamma", "beta"))
        return op.add(op.multiply(normal, gamma), beta)


def _constant(values: Array | float) -> Node:
    return op.constant(np.asarray(values, np.float32))


def _whole(values: int | list[int], dtype: type = np.int64) -> Node:
    return op.constant(np.asarray(values, dtype))
