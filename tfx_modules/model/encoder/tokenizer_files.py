"""Reads what a Hugging Face folder says of its tokenizer, and refuses what the served graph would do otherwise.

``tokenizer.json`` has the tokenizer's parts, ``tokenizer_config.json`` its options, ``added_tokens.json`` tokens beside
the vocabulary. Each may be missing; what several of them say has to agree.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfx_modules.data.vocabulary import read_tokens
from tfx_modules.exceptions import EncoderError
from tfx_modules.model.encoder import files
from tfx_modules.model.encoder.config import check_class, read_json
from tfx_modules.model.encoder.refusal import refused
from tfx_modules.settings.normalisation import Normalisation
from tfx_modules.settings.settings import EncoderSettings

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
"""Tokens that a vocabulary has to have, the first with the number 0."""
_MASK = "[MASK]"
_CONFIG = "tokenizer_config.json"
_ADDED = "added_tokens.json"
_NAMES = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
_OPTIONS = {
    "lower_case": ("do_lower_case", "lowercase"),
    "strip_accents": ("strip_accents", "strip_accents"),
    "tokenize_chinese_chars": ("tokenize_chinese_chars", "handle_chinese_chars"),
}
"""The settings, with their names in tokenizer_config.json and in tokenizer.json's normalizer."""
_MODEL = {
    "type": "WordPiece",
    "unk_token": "[UNK]",
    "continuing_subword_prefix": "##",
    "max_input_chars_per_word": 100,
}
_ENDS = ("BertProcessing", "TemplateProcessing")
Options = Mapping[str, bool | None]


def check_tokenizer(vocab: Path, settings: EncoderSettings) -> Normalisation:
    """Check a vocabulary and the tokenizer's files beside it.

    Args:
        vocab: the vocabulary's file.
        settings: of the encoder.

    Returns:
        How its texts are normalised: as the settings say, else the files, else BERT.

    Raises:
        EncoderError: a file cannot be read, asks for what is not computed, or says something else than another file or
            the settings.
    """
    folder, tokens = vocab.parent, read_tokens(vocab)
    _check_special(vocab, tokens)
    said: dict[str, Options] = {}
    for name, read in {files.TOKENIZER: _of_tokenizer, _CONFIG: _of_config, _ADDED: _of_added}.items():
        if (folder / name).is_file():
            try:
                said[name] = read(vocab, tokens)
            except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
                raise refused(
                    folder, f"{name} of another form ({error})", "that which save_pretrained writes"
                ) from error
    found = dict[str, bool | None]()
    for name in _OPTIONS:
        found[name] = _agreed(folder, name, said, getattr(settings, name))
    return Normalisation.of(**found)


def _check_special(vocab: Path, tokens: Sequence[str]) -> None:
    advice = (
        "allowed: a WordPiece vocabulary of BERT's, one token a line. Set [encoder] vocab to the encoder's own "
        "vocabulary."
    )
    if missing := [token for token in SPECIAL if token not in tokens]:
        raise EncoderError(f"vocabulary {vocab} lacks {', '.join(missing)}; {advice}")
    if tokens[0] != SPECIAL[0]:
        raise EncoderError(
            f"vocabulary {vocab} has {tokens[0]} at the place of {SPECIAL[0]}, whose number has to be 0; {advice}"
        )


def _of_tokenizer(vocab: Path, tokens: Sequence[str]) -> Options:
    """Check the parts of ``tokenizer.json``; return its normalizer's options."""
    folder = vocab.parent
    if read_tokens(folder / files.TOKENIZER) != tokens:
        raise refused(folder, f"another vocabulary in {files.TOKENIZER} than in {vocab.name}", "the same in both")
    parts = read_json(folder, files.TOKENIZER)
    model, normalizer = _part(folder, parts, "model"), _part(folder, parts, "normalizer")
    for name, value in _MODEL.items():
        _only(folder, f"{files.TOKENIZER} with model.{name}", model.get(name, value), value)
    _only(folder, f"{files.TOKENIZER} with normalizer.type", normalizer.get("type"), "BertNormalizer")
    _only(folder, f"{files.TOKENIZER} with normalizer.clean_text", normalizer.get("clean_text", True), allowed=True)
    splitter = _part(folder, parts, "pre_tokenizer").get("type")
    _only(folder, f"{files.TOKENIZER} with pre_tokenizer.type", splitter, "BertPreTokenizer")
    _check_ends(folder, _part(folder, parts, "post_processor"))
    added = parts.get("added_tokens") or []
    _check_added(folder, files.TOKENIZER, ((token.get("content"), token.get("id")) for token in added), tokens)
    return _options({name: _flag(folder, files.TOKENIZER, normalizer, key) for name, (_, key) in _OPTIONS.items()})


def _check_ends(folder: Path, processor: Mapping[str, Any]) -> None:
    """Check that a text gets [CLS] before and [SEP] behind it."""
    kind = processor.get("type")
    if kind == "TemplateProcessing":
        found = [name for item in processor.get("single", []) for part in item.values() for name in [part.get("id")]]
        _only(folder, f"{files.TOKENIZER} with post_processor.single", found, ["[CLS]", "A", "[SEP]"])
    elif kind == "BertProcessing":
        found = [processor.get("cls", [None])[0], processor.get("sep", [None])[0]]
        _only(folder, f"{files.TOKENIZER} with post_processor", found, ["[CLS]", "[SEP]"])
    else:
        raise refused(folder, f"{files.TOKENIZER} with post_processor.type {kind!r}", " or ".join(_ENDS))


def _of_added(vocab: Path, tokens: Sequence[str]) -> Options:
    """Check ``added_tokens.json``, which has no options."""
    _check_added(vocab.parent, _ADDED, read_json(vocab.parent, _ADDED).items(), tokens)
    return {}


def _of_config(vocab: Path, tokens: Sequence[str]) -> Options:
    """Check ``tokenizer_config.json``; return its options."""
    folder = vocab.parent
    fields = read_json(folder, _CONFIG)
    check_class(folder, _CONFIG, fields)
    _only(folder, f"{_CONFIG} with do_basic_tokenize", fields.get("do_basic_tokenize", True), allowed=True)
    if fields.get("never_split"):
        raise refused(
            folder, f"{_CONFIG} with never_split {fields['never_split']!r}", "none, since all words are split"
        )
    for key, token in _NAMES.items():
        found = fields.get(key, token)
        _only(folder, f"{_CONFIG} with {key}", found.get("content") if isinstance(found, dict) else found, token)
    decoder = fields.get("added_tokens_decoder") or {}
    added = ((token.get("content"), int(number)) for number, token in decoder.items())
    _check_added(folder, _CONFIG, added, tokens)
    return _options({name: _flag(folder, _CONFIG, fields, key) for name, (key, _) in _OPTIONS.items()})


def _check_added(folder: Path, file: str, added: Any, tokens: Sequence[str]) -> None:
    """Refuse tokens that are looked for in a text before it is normalised and split."""
    known = (*SPECIAL, _MASK)
    for token, number in added:
        if token not in known:
            raise refused(
                folder,
                f"{file} with the added token {token!r}, which is looked for before words are split",
                f"no added tokens beside {', '.join(known)}",
            )
        if token in tokens and tokens.index(token) != number:
            raise refused(
                folder, f"{file} with the number {number} for {token}", f"the vocabulary's, {tokens.index(token)}"
            )


def _agreed(folder: Path, name: str, said: Mapping[str, Options], setting: bool | None) -> bool | None:  # noqa: FBT001
    """Return what the files and the setting say alike; None where none of them says anything."""
    claims = {file: options[name] for file, options in said.items() if options.get(name) is not None}
    if len(set(claims.values())) > 1:
        both = [
            f"{_OPTIONS[name][file == files.TOKENIZER]} {_shown(value)} in {file}" for file, value in claims.items()
        ]
        raise refused(folder, " and ".join(both), "the same in both")
    for file, value in claims.items():
        if setting is not None and setting is not value:
            raise EncoderError(
                f"encoder {folder}: {file} has {_OPTIONS[name][file == files.TOKENIZER]} {_shown(value)}, and "
                f"[encoder] {name} is {_shown(setting)}; allowed: the same in both. Leave [encoder] {name} out, or "
                "correct it."
            )
    return next(iter(claims.values()), setting)


def _options(found: Mapping[str, bool | None]) -> Options:
    """Return options, that of the accents as that of the case where it is left open."""
    strip = found["strip_accents"]
    return {**found, "strip_accents": found["lower_case"] if strip is None else strip}


def _flag(folder: Path, file: str, fields: Mapping[str, Any], name: str) -> bool | None:
    value = fields.get(name)
    if value is not None and type(value) is not bool:
        raise refused(folder, f"{file} with {name} {value!r}", "true, false")
    return value


def _part(folder: Path, parts: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = parts.get(name)
    if not isinstance(part, dict):
        raise refused(folder, f"{files.TOKENIZER} with {name} {part!r}", "that of a BERT tokenizer")
    return part


def _only(folder: Path, what: str, found: Any, allowed: Any) -> None:
    if found != allowed:
        raise refused(folder, f"{what} {found!r}", repr(allowed))


def _shown(value: Any) -> str:
    return "true" if value else "false"
