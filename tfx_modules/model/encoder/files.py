"""Finds the pretrained encoder's files, and checks their digests. It does not load them, nor import TensorFlow."""

import hashlib
import importlib.util
from pathlib import Path

from tfx_modules.exceptions import EncoderError
from tfx_modules.settings.settings import EncoderSettings

PRESET = "preset:"
WEIGHTS = "model.safetensors"
CONFIG = "config.json"
_PACKAGE = "package:"


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
        raise EncoderError(
            f"the Python package {package!r} is not installed; run `make setup` (of an installed wheel: "
            "`bert-service setup-tfx`) or change [encoder]."
        )
    return Path(spec.origin).parent / inside


def vocab_path(settings: EncoderSettings) -> Path:
    """Find the vocabulary and check its bytes.

    Raises:
        EncoderError: it is not there, or its bytes are not the pinned ones.
    """
    path = resolve(settings.vocab)
    _verify(path, settings.vocab_sha256)
    return path


def weights_folder(settings: EncoderSettings) -> Path:
    """Find the folder of the pretrained weights and check their bytes; not for a keras-hub preset, which has no folder.

    Raises:
        EncoderError: it is not there, or its bytes are not the pinned ones.
    """
    folder = resolve(settings.source)
    _verify(folder / WEIGHTS, settings.weights_sha256)
    _verify(folder / CONFIG, settings.config_sha256)
    return folder


def sha256(path: Path) -> str:
    """Return a file's digest, hex."""
    with path.open("rb") as file:
        found = hashlib.sha256()
        for block in iter(lambda: file.read(1 << 20), b""):
            found.update(block)
    return found.hexdigest()


def _verify(path: Path, expected: str) -> None:
    if not path.is_file():
        raise EncoderError(
            f"encoder file {path} is missing; allowed: a Hugging Face BERT folder with {CONFIG} and {WEIGHTS}. Save "
            "the model there with save_pretrained(..., safe_serialization=True), in one file."
        )
    if expected and (found := sha256(path)) != expected:
        raise EncoderError(
            f"encoder file {path} has SHA-256 {found}; expected {expected}. Install the pinned encoder again, or set "
            "its digest in [encoder]."
        )
