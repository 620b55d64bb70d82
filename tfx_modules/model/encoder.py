"""The pretrained encoder: found, checked byte for byte, loaded as a keras-hub backbone.

A Hugging Face BERT folder and a keras-hub preset are both read by keras-hub. Checkpoints of the bare encoder, without
the ``bert.`` prefix (sentence-transformers publishes such), get their keys renamed on the way; no weight changes.
"""

import contextlib
import hashlib
import importlib.util
import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import keras_hub
import safetensors.numpy

from tfx_modules.exceptions import EncoderError
from tfx_modules.settings.settings import EncoderSettings

_PACKAGE = "package:"
_PRESET = "preset:"
_WEIGHTS = "model.safetensors"
_NAMES = ((re.compile(r"LayerNorm\.weight$"), "LayerNorm.gamma"), (re.compile(r"LayerNorm\.bias$"), "LayerNorm.beta"))


def resolve(source: str) -> Path:
    """Find the file or folder that a ``package:`` or path setting names.

    Raises:
        EncoderError: it is not there.
    """
    path = _in_package(source[len(_PACKAGE) :]) if source.startswith(_PACKAGE) else Path(source)
    if not path.exists():
        raise EncoderError(f"encoder part {source!r} is not at {path}; install it or change [encoder] in the settings.")
    return path


def _in_package(name: str) -> Path:
    package, _, inside = name.partition("/")
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise EncoderError(f"the Python package {package!r} is not installed; run `make setup` or change [encoder].")
    return Path(spec.origin).parent / inside


def vocab_path(config: EncoderSettings) -> Path:
    """Find the vocabulary and check its bytes."""
    path = resolve(config.vocab)
    _verify(path, config.vocab_sha256)
    return path


def load_backbone(config: EncoderSettings) -> keras_hub.models.BertBackbone:
    """Load the encoder with its pretrained weights.

    Raises:
        EncoderError: it is missing, is no BERT, or its bytes are not the pinned ones.
    """
    if config.source.startswith(_PRESET):
        return _from_preset(config.source[len(_PRESET) :])
    folder = resolve(config.source)
    _verify(folder / _WEIGHTS, config.weights_sha256)
    with _keras_hub_folder(folder) as readable:
        return _from_preset(str(readable))


def _from_preset(preset: str) -> keras_hub.models.BertBackbone:
    backbone = keras_hub.models.Backbone.from_preset(preset)
    if not isinstance(backbone, keras_hub.models.BertBackbone):
        raise EncoderError(
            f"encoder {preset!r} is a {type(backbone).__name__}; allowed: BERT. Change [encoder] source."
        )
    return backbone


def _verify(path: Path, expected: str) -> None:
    if not path.is_file():
        raise EncoderError(f"encoder file {path} is missing; allowed: a Hugging Face BERT folder with {_WEIGHTS}.")
    if not expected:
        return
    with path.open("rb") as file:
        found = hashlib.sha256()
        for block in iter(lambda: file.read(1 << 20), b""):
            found.update(block)
    if found.hexdigest() != expected:
        raise EncoderError(
            f"encoder file {path.name} has SHA-256 {found.hexdigest()}; expected {expected}. "
            "Install the pinned encoder again, or set its digest in [encoder]."
        )


@contextlib.contextmanager
def _keras_hub_folder(folder: Path) -> Iterator[Path]:
    """Give the folder with the key names that keras-hub's BERT converter reads."""
    tensors = safetensors.numpy.load_file(folder / _WEIGHTS)
    if any(name.startswith("bert.") for name in tensors):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="encoder-") as made:
        renamed = {f"bert.{_rename(name)}": tensor for name, tensor in tensors.items() if "position_ids" not in name}
        safetensors.numpy.save_file(renamed, Path(made, _WEIGHTS), metadata={"format": "np"})
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
