"""Loads the pretrained encoder as a keras-hub backbone.

A BERT or a DistilBERT becomes keras-hub's BERT: DistilBERT is a BERT whose vectors for a text's parts are 0. An ELECTRA
becomes keras-hub's ELECTRA. No weight changes.
"""

from dataclasses import replace

import keras
import keras_hub
import numpy as np
import numpy.typing as npt

from tfx_modules.exceptions import EncoderError
from tfx_modules.model.encoder.config import POOLER, PROJECTION, EncoderConfig, read_config
from tfx_modules.model.encoder.files import PRESET, is_default, weights_folder
from tfx_modules.model.encoder.kinds import KINDS
from tfx_modules.model.encoder.tensors import read_tensors, tensor_names
from tfx_modules.settings.settings import EncoderSettings

_EMBEDDINGS = {
    "embeddings.word_embeddings": "token_embedding/embeddings",
    "embeddings.position_embeddings": "position_embedding/embeddings",
    "embeddings.token_type_embeddings": "segment_embedding/embeddings",
}
_LAYERS = {
    "embeddings.LayerNorm": "embeddings_layer_norm",
    PROJECTION: "embeddings_projection",
    "pooler.dense": "pooled_dense",
}
_OF_LAYER = {
    "attention.self.query": "self_attention_layer/query",
    "attention.self.key": "self_attention_layer/key",
    "attention.self.value": "self_attention_layer/value",
    "attention.output.dense": "self_attention_layer/attention_output",
    "attention.output.LayerNorm": "self_attention_layer_norm",
    "intermediate.dense": "feedforward_intermediate_dense",
    "output.dense": "feedforward_output_dense",
    "output.LayerNorm": "feedforward_layer_norm",
}
_NORM = {"weight": "gamma", "bias": "beta"}
_DENSE = {"weight": "kernel", "bias": "bias"}


def load_backbone(settings: EncoderSettings, dropout: float = 0.1) -> keras_hub.models.Backbone:
    """Load the encoder with its pretrained weights.

    Args:
        settings: which encoder.
        dropout: share of the outputs of its layers, and of its attention, dropped while training.

    Raises:
        EncoderError: it is missing, is not supported, or its bytes are not the pinned ones.
    """
    if settings.source.startswith(PRESET):
        return _from_preset(settings.source.removeprefix(PRESET), dropout)
    folder = weights_folder(settings)
    config = read_config(folder)
    names = tensor_names(folder, config)
    # The default encoder keeps the approximation, which its speed and accuracy have been measured with.
    exact = config.is_gelu_exact and not is_default(settings)
    backbone = _empty(replace(config, is_gelu_exact=exact), dropout)
    variables = {variable.path: variable for variable in backbone.weights}
    for name, values in read_tensors(folder, names):
        _assign(variables[_path(name)], values)
    for name in POOLER:
        if name not in names:
            variables[_path(name)].assign(np.zeros(variables[_path(name)].shape, np.float32))
    return backbone


def is_gelu_exact(backbone: keras_hub.models.Backbone) -> bool:
    """Tell whether an encoder computes the exact GELU, and not its approximation by tanh."""
    return backbone.transformer_layers[0].activation is keras.activations.gelu


def _from_preset(preset: str, dropout: float) -> keras_hub.models.BertBackbone:
    backbone = keras_hub.models.Backbone.from_preset(preset, dropout=dropout)
    if not isinstance(backbone, keras_hub.models.BertBackbone):
        raise EncoderError(
            f"encoder {preset!r} is a {type(backbone).__name__}; allowed: BERT. Change [encoder] source."
        )
    return backbone


def _empty(config: EncoderConfig, dropout: float) -> keras_hub.models.Backbone:
    """Make the backbone of a config, with weights to be assigned."""
    numbers = {
        "dropout": dropout,
        "num_layers": config.layers,
        "num_heads": config.heads,
        "hidden_dim": config.width,
        "intermediate_dim": config.intermediate,
        "max_sequence_length": config.positions,
        "num_segments": max(config.segments, 1),
    }
    if config.kind is KINDS["electra"]:
        backbone = keras_hub.models.ElectraBackbone(
            vocab_size=config.vocabulary, embedding_dim=config.embedding, **numbers
        )
    else:
        backbone = keras_hub.models.BertBackbone(vocabulary_size=config.vocabulary, **numbers)
    if not config.segments:
        segment = backbone.get_layer("segment_embedding")
        segment.embeddings.assign(np.zeros(segment.embeddings.shape, np.float32))
        segment.trainable = False  # the encoder has none
    if config.is_gelu_exact:
        for layer in backbone.transformer_layers:
            layer.activation = keras.activations.gelu
            layer._feedforward_intermediate_dense.activation = keras.activations.gelu  # noqa: SLF001 - there is no other way
    return backbone


def _assign(variable: keras.Variable, values: npt.NDArray[np.float32]) -> None:
    # Hugging Face's matrices are [outputs, inputs], and have no axis of their own for the heads.
    is_matrix = values.ndim == 2 and variable.path.endswith("/kernel")
    variable.assign((values.T if is_matrix else values).reshape(variable.shape))


def _path(name: str) -> str:
    """Return the path of the variable for a tensor, by its name in a BERT."""
    base, _, part = name.rpartition(".")
    if base in _EMBEDDINGS:
        return _EMBEDDINGS[base]
    if base in _LAYERS:
        layer = _LAYERS[base]
    else:
        _, _, number, inside = base.split(".", maxsplit=3)
        layer = f"transformer_layer_{number}/{_OF_LAYER[inside]}"
    return f"{layer}/{(_NORM if base.endswith('LayerNorm') else _DENSE)[part]}"
