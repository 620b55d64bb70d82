"""Loads the pretrained encoder as a keras-hub backbone.

keras-hub reads a Hugging Face BERT folder with one spelling of the tensors' names, a pooler, and 512 positions. A
folder of another spelling, without a pooler or with other lengths is handed over in that form; no weight changes.
"""

import contextlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import keras_hub
import numpy as np
import safetensors.numpy

from tfx_modules.exceptions import EncoderError
from tfx_modules.model.encoder import checkpoint
from tfx_modules.model.encoder.files import CONFIG, PRESET, WEIGHTS, weights_folder
from tfx_modules.settings.settings import EncoderSettings

_NORMS = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}


def load_backbone(settings: EncoderSettings) -> keras_hub.models.BertBackbone:
    """Load the encoder with its pretrained weights.

    Raises:
        EncoderError: it is missing, is not supported, or its bytes are not the pinned ones.
    """
    if settings.source.startswith(PRESET):
        return _from_preset(settings.source.removeprefix(PRESET))
    folder = weights_folder(settings)
    config = checkpoint.read_config(folder)
    with _keras_hub_folder(folder, config) as readable:
        return _from_preset(str(readable), max_sequence_length=config.positions, num_segments=config.segments)


def _from_preset(preset: str, **numbers: int) -> keras_hub.models.BertBackbone:
    backbone = keras_hub.models.Backbone.from_preset(preset, **numbers)
    if not isinstance(backbone, keras_hub.models.BertBackbone):
        raise EncoderError(
            f"encoder {preset!r} is a {type(backbone).__name__}; allowed: BERT. Change [encoder] source."
        )
    return backbone


@contextlib.contextmanager
def _keras_hub_folder(folder: Path, config: checkpoint.BertConfig) -> Iterator[Path]:
    """Write a folder as keras-hub's BERT converter reads it."""
    names = checkpoint.tensor_names(folder, config)
    tensors = safetensors.numpy.load_file(folder / WEIGHTS)
    found = {plain: tensors[name].astype(np.float32) for plain, name in names.items()}
    for name in checkpoint.POOLER:
        found.setdefault(name, np.zeros(config.shapes()[name], np.float32))
    with tempfile.TemporaryDirectory(prefix="encoder-") as made:
        renamed = {f"bert.{_old_spelling(name)}": tensor for name, tensor in found.items()}
        safetensors.numpy.save_file(renamed, Path(made, WEIGHTS), metadata={"format": "np"})
        fields = {**json.loads((folder / CONFIG).read_text(encoding="utf-8")), "model_type": "bert"}
        Path(made, CONFIG).write_text(json.dumps(fields), encoding="utf-8")
        yield Path(made)


def _old_spelling(name: str) -> str:
    for new, old in _NORMS.items():
        name = name.replace(new, old)
    return name
