"""Checks an encoder when the pipeline is compiled, and pins the bytes that the settings leave open.

The folder is one that ``save_pretrained`` writes: of ``BertModel``, ``BertForMaskedLM``,
``BertForSequenceClassification`` and others, whose heads are left out, and the same of DistilBERT and ELECTRA. Tensors
may be named with the prefix ``bert.`` or without, and those of layer normalisations ``weight`` and ``bias`` or, as in
old checkpoints, ``gamma`` and ``beta``.
"""

from dataclasses import replace
from pathlib import Path

from tfx_modules.data.vocabulary import read_tokens
from tfx_modules.exceptions import EncoderError
from tfx_modules.model.encoder import files
from tfx_modules.model.encoder.config import EncoderConfig, read_config
from tfx_modules.model.encoder.refusal import refused
from tfx_modules.model.encoder.tensors import tensor_names
from tfx_modules.model.encoder.tokenizer_files import check_tokenizer
from tfx_modules.settings.settings import EncoderSettings


def check(settings: EncoderSettings) -> EncoderSettings:
    """Check that the encoder of the settings is there and is supported, and pin what the settings leave open.

    The digests make the cache honest: an encoder that is replaced in its place trains anew. A keras-hub preset is
    checked when it is loaded, since it may have to be downloaded.

    Args:
        settings: of the encoder.

    Returns:
        The same settings, with the vocabulary's place, how texts are normalised, and the digest of every file.

    Raises:
        EncoderError: a file is missing, its bytes are not the pinned ones, or the encoder is not supported.
    """
    if settings.source.startswith(files.PRESET):
        return _with_tokenizer(settings)
    folder = files.weights_folder(settings)
    config = read_config(folder)  # before the vocabulary: that of another kind of encoder may be none
    tensor_names(folder, config)
    pinned = _with_tokenizer(settings)
    _check_vocabulary(files.vocab_path(pinned), folder, config)
    if settings.max_tokens > config.positions:
        raise refused(
            folder,
            f"max_position_embeddings {config.positions}",
            f"encoder.max_tokens of the settings, {settings.max_tokens}, or more. Lower encoder.max_tokens",
        )
    return replace(
        pinned,
        weights_sha256=settings.weights_sha256 or files.sha256(folder / files.WEIGHTS),
        config_sha256=settings.config_sha256 or files.sha256(folder / files.CONFIG),
    )


def _with_tokenizer(settings: EncoderSettings) -> EncoderSettings:
    source, path = files.vocab_source(settings), files.vocab_path(settings)
    how = check_tokenizer(path, settings)
    return replace(
        settings,
        vocab=source,
        vocab_sha256=settings.vocab_sha256 or files.sha256(path),
        lower_case=how.lower_case,
        strip_accents=how.strip_accents,
        tokenize_chinese_chars=how.tokenize_chinese_chars,
    )


def _check_vocabulary(path: Path, folder: Path, config: EncoderConfig) -> None:
    tokens = read_tokens(path)
    if len(tokens) > config.vocabulary:
        raise EncoderError(
            f"vocabulary {path} has {len(tokens)} tokens; allowed: up to the {config.vocabulary} of the encoder in "
            f"{folder}. Set [encoder] vocab to the encoder's own vocabulary."
        )
