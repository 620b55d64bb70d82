"""Reads what a Hugging Face folder says of its tokenizer, and refuses what the served graph would do otherwise.

``tokenizer.json`` has the tokenizer's parts, ``tokenizer_config.json`` its options, ``added_tokens.json`` tokens beside
the vocabulary. Each may be missing; what several of them say has to agree. They are read beside the vocabulary and in
the encoder's folder, which are two folders where ``[encoder] vocab`` names a file elsewhere.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tfx_modules.data.vocabulary import JSON, read_tokens
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
_ELSEWHERE = "Leave [encoder] vocab out, or name the vocabulary that this encoder was trained with"
Options = Mapping[str, bool | None]


class _Vocabulary(NamedTuple):
    path: Path
    tokens: Sequence[str]


def check_tokenizer(vocab: Path, settings: EncoderSettings) -> Normalisation:
    """Check a vocabulary, the tokenizer's files beside it, and those in the encoder's folder.

    Args:
        vocab: the vocabulary's file.
        settings: of the encoder.

    Returns:
        How its texts are normalised: as the settings say, else the files, else BERT.

    Raises:
        EncoderError: a file cannot be read, asks for what is not computed, or says something else than another file or
            the settings.
    """
    vocabulary = _Vocabulary(vocab, read_tokens(vocab))
    _check_special(vocab, vocabulary.tokens)
    said: dict[Path, Options] = {}
    for file, read in _readers(vocab, settings).items():
        try:
            said[file] = read(file, vocabulary)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise refused(
                file.parent, f"{file.name} of another form ({error})", "that which save_pretrained writes"
            ) from error
    found = dict[str, bool | None]()
    for name in _OPTIONS:
        found[name] = _agreed(vocab.parent, name, said, getattr(settings, name))
    return Normalisation.of(**found)


def _readers(vocab: Path, settings: EncoderSettings) -> Mapping[Path, Callable[[Path, _Vocabulary], Options]]:
    """Return the tokenizer's files that are there, with what reads each."""
    folders = [vocab.parent]
    if not settings.source.startswith(files.PRESET):
        folders.append(files.resolve(settings.source))
    readers = {files.TOKENIZER: _of_tokenizer, _CONFIG: _of_config, _ADDED: _of_added}
    found = {folder / name: read for folder in folders for name, read in readers.items() if (folder / name).is_file()}
    if vocab.suffix == JSON:
        found[vocab] = _of_tokenizer  # whatever its name is
    return found


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


def _of_tokenizer(file: Path, vocabulary: _Vocabulary) -> Options:
    """Check the parts of a ``tokenizer.json``; return its normalizer's options."""
    folder, name = file.parent, file.name
    if read_tokens(file) != vocabulary.tokens:
        is_beside = folder == vocabulary.path.parent
        other, advice = (vocabulary.path.name, "") if is_beside else (vocabulary.path, f". {_ELSEWHERE}")
        raise refused(folder, f"another vocabulary in {name} than in {other}", f"the same in both{advice}")
    parts = read_json(folder, name)
    model, normalizer = _part(file, parts, "model"), _part(file, parts, "normalizer")
    for key, value in _MODEL.items():
        _only(folder, f"{name} with model.{key}", model.get(key, value), value)
    _only(folder, f"{name} with normalizer.type", normalizer.get("type"), "BertNormalizer")
    _only(folder, f"{name} with normalizer.clean_text", normalizer.get("clean_text", True), allowed=True)
    splitter = _part(file, parts, "pre_tokenizer").get("type")
    _only(folder, f"{name} with pre_tokenizer.type", splitter, "BertPreTokenizer")
    _check_ends(file, _part(file, parts, "post_processor"))
    added = parts.get("added_tokens") or []
    _check_added(file, ((token.get("content"), token.get("id")) for token in added), vocabulary.tokens)
    return _options({option: _flag(file, normalizer, key) for option, (_, key) in _OPTIONS.items()})


def _check_ends(file: Path, processor: Mapping[str, Any]) -> None:
    """Check that a text gets [CLS] before and [SEP] behind it."""
    kind = processor.get("type")
    if kind == "TemplateProcessing":
        found = [name for item in processor.get("single", []) for part in item.values() for name in [part.get("id")]]
        _only(file.parent, f"{file.name} with post_processor.single", found, ["[CLS]", "A", "[SEP]"])
    elif kind == "BertProcessing":
        found = [processor.get("cls", [None])[0], processor.get("sep", [None])[0]]
        _only(file.parent, f"{file.name} with post_processor", found, ["[CLS]", "[SEP]"])
    else:
        raise refused(file.parent, f"{file.name} with post_processor.type {kind!r}", " or ".join(_ENDS))


def _of_added(file: Path, vocabulary: _Vocabulary) -> Options:
    """Check ``added_tokens.json``, which has no options."""
    _check_added(file, read_json(file.parent, _ADDED).items(), vocabulary.tokens)
    return {}


def _of_config(file: Path, vocabulary: _Vocabulary) -> Options:
    """Check ``tokenizer_config.json``; return its options."""
    folder = file.parent
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
    _check_added(file, added, vocabulary.tokens)
    return _options({option: _flag(file, fields, key) for option, (key, _) in _OPTIONS.items()})


def _check_added(file: Path, added: Any, tokens: Sequence[str]) -> None:
    """Refuse tokens that are looked for in a text before it is normalised and split."""
    known = (*SPECIAL, _MASK)
    for token, number in added:
        if token not in known:
            raise refused(
                file.parent,
                f"{file.name} with the added token {token!r}, which is looked for before words are split",
                f"no added tokens beside {', '.join(known)}",
            )
        if token in tokens and tokens.index(token) != number:
            number_in_vocabulary = f"the vocabulary's, {tokens.index(token)}"
            raise refused(file.parent, f"{file.name} with the number {number} for {token}", number_in_vocabulary)


def _agreed(folder: Path, name: str, said: Mapping[Path, Options], setting: bool | None) -> bool | None:  # noqa: FBT001
    """Return what the files and the setting say alike; None where none of them says anything."""
    claims = {file: options[name] for file, options in said.items() if options.get(name) is not None}
    if len(set(claims.values())) > 1:
        all_said = [f"{_key(name, file)} {_shown(value)} in {file}" for file, value in claims.items()]
        advice = f". {_ELSEWHERE}" if len({file.parent for file in claims}) > 1 else ""
        raise refused(folder, " and ".join(all_said), f"the same in all{advice}")
    for file, value in claims.items():
        if setting is not None and setting is not value:
            raise EncoderError(
                f"encoder {file.parent}: {file.name} has {_key(name, file)} {_shown(value)}, and "
                f"[encoder] {name} is {_shown(setting)}; allowed: the same in both. Leave [encoder] {name} out, or "
                "correct it."
            )
    return next(iter(claims.values()), setting)


def _key(name: str, file: Path) -> str:
    """Return the name of an option in one of the files."""
    in_config, in_tokenizer = _OPTIONS[name]
    return in_config if file.name == _CONFIG else in_tokenizer


def _options(found: Mapping[str, bool | None]) -> Options:
    """Return options, that of the accents as that of the case where it is left open."""
    strip = found["strip_accents"]
    return {**found, "strip_accents": found["lower_case"] if strip is None else strip}


def _flag(file: Path, fields: Mapping[str, Any], name: str) -> bool | None:
    value = fields.get(name)
    if value is not None and type(value) is not bool:
        raise refused(file.parent, f"{file.name} with {name} {value!r}", "true, false")
    return value


def _part(file: Path, parts: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = parts.get(name)
    if not isinstance(part, dict):
        raise refused(file.parent, f"{file.name} with {name} {part!r}", "that of a BERT tokenizer")
    return part


def _only(folder: Path, what: str, found: Any, allowed: Any) -> None:
    if found != allowed:
        raise refused(folder, f"{what} {found!r}", repr(allowed))


def _shown(value: Any) -> str:
    return "true" if value else "false"
