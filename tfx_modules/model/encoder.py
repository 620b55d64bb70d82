"""Loads the pretrained encoder as a keras-hub backbone.

A Hugging Face BERT folder and a keras-hub preset are both read by keras-hub. Checkpoints of the bare encoder, without
the ``bert.`` prefix (sentence-transformers publishes such), get their keys renamed on the way; no weight changes.
"""

import contextlib
import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import keras_hub
import safetensors.numpy

from tfx_modules.exceptions import EncoderError
from tfx_modules.model.encoder_files import PRESET, WEIGHTS, resolve, vocab_path, weights_folder
from tfx_modules.settings.settings import EncoderSettings

__all__ = ["load_backbone", "resolve", "vocab_path"]

_NAMES = ((re.compile(r"LayerNorm\.weight$"), "LayerNorm.gamma"), (re.compile(r"LayerNorm\.bias$"), "LayerNorm.beta"))


def load_backbone(config: EncoderSettings) -> keras_hub.models.BertBackbone:
    """Load the encoder with its pretrained weights.

    Raises:
        EncoderError: it is missing, is no BERT, or its bytes are not the pinned ones.
    """
    if config.source.startswith(PRESET):
        return _from_preset(config.source[len(PRESET) :])
    with _keras_hub_folder(weights_folder(config)) as readable:
        return _from_preset(str(readable))


def _from_preset(preset: str) -> keras_hub.models.BertBackbone:
    backbone = keras_hub.models.Backbone.from_preset(preset)
    if not isinstance(backbone, keras_hub.models.BertBackbone):
        raise EncoderError(
            f"encoder {preset!r} is a {type(backbone).__name__}; allowed: BERT. Change [encoder] source."
        )
    return backbone


@contextlib.contextmanager
def _keras_hub_folder(folder: Path) -> Iterator[Path]:
    """Return a folder with the key names that keras-hub's BERT converter reads."""
    tensors = safetensors.numpy.load_file(folder / WEIGHTS)
    if any(name.startswith("bert.") for name in tensors):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="encoder-") as made:
        renamed = {f"bert.{_rename(name)}": tensor for name, tensor in tensors.items() if "position_ids" not in name}
        safetensors.numpy.save_file(renamed, Path(made, WEIGHTS), metadata={"format": "np"})
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        Path(made, "config.json").write_text(json.dumps(config), encoding="utf-8")
        for name in ("vocab.txt", "tokenizer_config.json", "tokenizer.json"):
            if (folder / name).exists():
                Path(made, name).symlink_to((folder / name).resolve())
        yield Path(made)


def _rename(name: str) -> str:
    for pattern, new in _NAMES:
        name = pattern.sub(new, name)
    return name
