"""Reads a trained classifier's weights, for the graphs that compute the same from constants."""

from collections.abc import Sequence
from typing import Any

import keras
import keras_hub
import numpy as np
import numpy.typing as npt

from tfx_modules.model.encoder.backbone import is_gelu_exact

Array = npt.NDArray[Any]

PROJECTION = "embeddings_projection"
"""The dense layer between words' vectors and layers of another width."""
_WORDS = "token_embedding/embeddings"
_BACKBONES = (keras_hub.models.BertBackbone, keras_hub.models.ElectraBackbone)


class BertWeights:
    """The weights of a classifier of ``bert_classifier.build_classifier``.

    Attributes:
        heads: of attention, in each layer.
        width: of a token's vector between the layers.
        embedding: the width of a word's vector.
        is_gelu_exact: whether the activation is the exact GELU, and not its approximation by tanh.
        layers: the number of the encoder's layers.
        epsilon: what layer norms add to the variance.
        words: the words' vectors, float32 [words, embedding].
        classes: empty for a classifier with one logit; else the number of its logits.
    """

    def __init__(self, classifier: keras.Model) -> None:
        (backbone,) = (layer for layer in classifier.layers if isinstance(layer, _BACKBONES))
        self.heads: int = backbone.num_heads
        self.width: int = backbone.hidden_dim
        self.layers: int = backbone.num_layers
        self.epsilon: float = backbone.get_layer("embeddings_layer_norm").epsilon
        self._weights: dict[str, Array] = {variable.path: variable.numpy() for variable in classifier.weights}
        self.words = self._weights.pop(_WORDS)
        self.embedding: int = self.words.shape[1]
        self.is_gelu_exact = is_gelu_exact(backbone)
        outputs = self["logit/bias"].size
        self.classes = [] if outputs == 1 else [outputs]

    def __getitem__(self, name: str) -> Array:
        """Return a weight by its variable's path."""
        return self._weights[name]

    def matrix(self, name: str) -> tuple[Array, Array]:
        """Return a layer's kernel as [inputs, outputs] and its bias as [outputs]; attention's have the heads apart."""
        bias = self[f"{name}/bias"].reshape(-1)
        return self[f"{name}/kernel"].reshape(-1, bias.size), bias

    def together(self, names: Sequence[str], columns: slice) -> tuple[Array, Array]:
        """Return one matrix and one bias for some outputs, the same of each, of several layers with the same input."""
        kernels, biases = zip(*(self.matrix(name) for name in names), strict=True)
        return (
            np.concatenate([kernel[:, columns] for kernel in kernels], axis=1),
            np.concatenate([bias[columns] for bias in biases]),
        )
