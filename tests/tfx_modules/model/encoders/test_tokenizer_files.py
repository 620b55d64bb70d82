"""What a folder says of its tokenizer holds; what the served graph would do otherwise does not compile."""

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tfx_modules.data.vocabulary import read_tokens
from tfx_modules.exceptions import EncoderError
from tfx_modules.model.encoder import checkpoint
from tfx_modules.settings.normalisation import Normalisation
from tfx_modules.settings.settings import EncoderSettings

CHECKPOINTS = Path(__file__).parent / "checkpoints"
Fields = dict[str, Any]
Change = Callable[[Fields], object]
TOKENIZER = "tokenizer.json"
CONFIG = "tokenizer_config.json"


@pytest.fixture
def settings(tmp_path: Path) -> EncoderSettings:
    """A copy of an encoder, as transformers has written it."""
    shutil.copytree(CHECKPOINTS / "bert-uncased", tmp_path / "bert")
    return EncoderSettings(source=str(tmp_path / "bert"), max_tokens=48)


def edit(settings: EncoderSettings, name: str, change: Change) -> None:
    path = Path(settings.source, name)
    fields = json.loads(path.read_text(encoding="utf-8"))
    change(fields)
    path.write_text(json.dumps(fields), encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("bert-uncased", Normalisation()),
        ("bert-multilingual-cased", Normalisation(lower_case=False, strip_accents=False)),
        ("bert-uncased-with-accents", Normalisation(strip_accents=False, tokenize_chinese_chars=False)),
        ("distilbert", Normalisation()),
    ],
)
def test_texts_are_normalised_as_the_folder_says(name: str, how: Normalisation) -> None:
    found = checkpoint.check(EncoderSettings(source=str(CHECKPOINTS / name), max_tokens=48))
    assert found.normalisation == how
    assert found.vocab.endswith("vocab.txt" if name == "distilbert" else "tokenizer.json")


def test_a_setting_may_say_what_the_files_do_not(settings: EncoderSettings) -> None:
    edit(settings, TOKENIZER, lambda fields: fields["normalizer"].update(strip_accents=None, lowercase=None))
    edit(settings, CONFIG, lambda fields: [fields.pop(name, None) for name in ("do_lower_case", "strip_accents")])
    assert checkpoint.check(settings).normalisation == Normalisation()
    cased = checkpoint.check(replace(settings, lower_case=False)).normalisation
    assert cased == Normalisation(lower_case=False, strip_accents=False)
    assert checkpoint.check(replace(settings, strip_accents=False)).normalisation == Normalisation(strip_accents=False)


@pytest.mark.parametrize("name", ["lower_case", "strip_accents", "tokenize_chinese_chars"])
def test_a_setting_may_not_say_otherwise_than_the_files(settings: EncoderSettings, name: str) -> None:
    settings_that_say: Any = {name: True}
    checkpoint.check(replace(settings, **settings_that_say))
    with pytest.raises(EncoderError, match=rf"json has \w+ true, and \[encoder\] {name} is false; allowed: the same"):
        checkpoint.check(replace(settings, **{**settings_that_say, name: False}))


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        (TOKENIZER, lambda t: t["model"].update(type="BPE"), "model.type 'BPE'; allowed: 'WordPiece'"),
        (TOKENIZER, lambda t: t["model"].update(unk_token="?"), r"model.unk_token '\?'; allowed: '\[UNK\]'"),
        (TOKENIZER, lambda t: t["model"].update(continuing_subword_prefix="@"), "subword_prefix '@'; allowed: '##'"),
        (TOKENIZER, lambda t: t["model"].update(max_input_chars_per_word=9), "chars_per_word 9; allowed: 100"),
        (TOKENIZER, lambda t: t.update(normalizer=None), "normalizer None; allowed: that of a BERT tokenizer"),
        (TOKENIZER, lambda t: t["normalizer"].update(type="NFKC"), "normalizer.type 'NFKC'; allowed: 'BertNormalizer'"),
        (TOKENIZER, lambda t: t["normalizer"].update(clean_text=False), "normalizer.clean_text False; allowed: True"),
        (TOKENIZER, lambda t: t["normalizer"].update(lowercase="yes"), "lowercase 'yes'; allowed: true, false"),
        (TOKENIZER, lambda t: t["pre_tokenizer"].update(type="Whitespace"), "pre_tokenizer.type 'Whitespace'; allowed"),
        (TOKENIZER, lambda t: t.update(post_processor=None), "post_processor None; allowed"),
        (
            TOKENIZER,
            lambda t: t["post_processor"]["single"].pop(),
            r"single \['\[CLS\]', 'A'\]; allowed: \['\[CLS\]', ",
        ),
        (
            TOKENIZER,
            lambda t: t["post_processor"].update(type="RobertaProcessing"),
            "'RobertaProcessing'; allowed: Bert",
        ),
        (
            TOKENIZER,
            lambda t: t["added_tokens"].append({"content": "<url>", "id": 5}),
            "the added token '<url>', which",
        ),
        (
            TOKENIZER,
            lambda t: t["added_tokens"][0].update(id=7),
            r"the number 7 for \[PAD\]; allowed: the vocabulary's, 0",
        ),
        (TOKENIZER, lambda t: t.update(added_tokens=[3]), r"tokenizer\.json of another form"),
        (TOKENIZER, lambda t: t["model"].update(vocab=["a"]), "has no model.vocab with a number for each token"),
        (
            TOKENIZER,
            lambda t: t["model"]["vocab"].update({"a": math.inf, "b": True, "c": 1.5, "d": "1", "e": None}),
            "has in model.vocab no whole number for 'a', 'b', 'c' and 2 more; allowed: a WordPiece vocabulary",
        ),
        (TOKENIZER, lambda t: t["model"]["vocab"].update(more=9999), "tokens whose numbers are not 0 to"),
        (TOKENIZER, lambda t: t["model"]["vocab"].update(more=9), "tokens whose numbers are not 0 to"),
        (
            TOKENIZER,
            lambda t: t["normalizer"].update(lowercase=False),
            "lowercase false in .* and do_lower_case true in",
        ),
        (CONFIG, lambda c: c.update(tokenizer_class="BertJapaneseTokenizer"), "'BertJapaneseTokenizer'; allowed: Bert"),
        (CONFIG, lambda c: c.update(do_basic_tokenize=False), "do_basic_tokenize False; allowed: True"),
        (CONFIG, lambda c: c.update(never_split=["<url>"]), r"never_split \['<url>'\]; allowed: none"),
        (CONFIG, lambda c: c.update(cls_token="<s>"), r"cls_token '<s>'; allowed: '\[CLS\]'"),
        (
            CONFIG,
            lambda c: c.update(added_tokens_decoder={"5": {"content": "<url>"}}),
            "config.json with the added token",
        ),
    ],
)
def test_what_would_be_tokenised_otherwise_is_refused(
    settings: EncoderSettings, file: str, change: Change, message: str
) -> None:
    checkpoint.check(settings)
    edit(settings, file, change)
    with pytest.raises(EncoderError, match=message):
        checkpoint.check(settings)


def test_tokens_that_are_added_beside_the_vocabulary_are_refused(settings: EncoderSettings) -> None:
    added = Path(settings.source, "added_tokens.json")
    added.write_text(json.dumps({"[MASK]": 4}), encoding="utf-8")
    checkpoint.check(settings)
    added.write_text(json.dumps({"[MASK]": 4, "<user>": 300}), encoding="utf-8")
    with pytest.raises(
        EncoderError, match=r"added_tokens\.json with the added token '<user>', which is looked for before"
    ):
        checkpoint.check(settings)


def test_two_vocabularies_in_a_folder_have_to_be_the_same(settings: EncoderSettings) -> None:
    tokens = json.loads(Path(settings.source, TOKENIZER).read_text(encoding="utf-8"))["model"]["vocab"]
    words = sorted(tokens, key=tokens.__getitem__)
    vocab = Path(settings.source, "vocab.txt")
    vocab.write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
    assert checkpoint.check(settings).vocab == str(vocab)
    vocab.write_text("".join(f"{word}\r\n" for word in [*words[:-2], words[-1], words[-2]]), encoding="utf-8")
    with pytest.raises(
        EncoderError, match=r"another vocabulary in tokenizer\.json than in vocab\.txt; allowed: the same"
    ):
        checkpoint.check(settings)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["[UNK]", "[PAD]", "[CLS]", "[SEP]"], r"has \[UNK\] at the place of \[PAD\], whose number has to be 0"),
        (["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "b", "a"], "has 'a' more than once"),
        (["[PAD]", "[UNK]", "[CLS]", "[SEP]", "", "b"], "has an empty token, 4"),
    ],
)
def test_a_vocabulary_that_means_something_else_is_refused(
    settings: EncoderSettings, tmp_path: Path, lines: list[str], message: str
) -> None:
    vocab = tmp_path / "vocab.txt"
    vocab.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    with pytest.raises(EncoderError, match=message):
        checkpoint.check(replace(settings, vocab=str(vocab)))


def test_a_token_may_hold_what_python_takes_for_the_end_of_a_line(settings: EncoderSettings) -> None:
    Path(settings.source, TOKENIZER).unlink()
    vocab = Path(settings.source, "vocab.txt")
    vocab.write_bytes("[PAD]\n[UNK]\r\n[CLS]\n[SEP]\na\u2028b\n\x85c".encode())
    assert checkpoint.check(settings).vocab == str(vocab)
    assert read_tokens(vocab) == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a\u2028b", "\x85c"]


@pytest.fixture
def elsewhere(settings: EncoderSettings, tmp_path: Path) -> EncoderSettings:
    """The encoder, cased by its folder, with its vocabulary as a vocab.txt in a folder of its own."""
    edit(settings, TOKENIZER, lambda fields: fields["normalizer"].update(lowercase=False))
    edit(settings, CONFIG, lambda fields: fields.update(do_lower_case=False))
    (tmp_path / "vocabularies").mkdir()
    vocab = tmp_path / "vocabularies" / "vocab.txt"
    vocab.write_text("".join(f"{token}\n" for token in read_tokens(Path(settings.source, TOKENIZER))), encoding="utf-8")
    return replace(settings, vocab=str(vocab))


@pytest.mark.parametrize("only", [TOKENIZER, CONFIG])
def test_the_encoders_folder_is_heard_where_the_vocabulary_is_elsewhere(elsewhere: EncoderSettings, only: str) -> None:
    cased = Normalisation(lower_case=False, strip_accents=False)
    assert checkpoint.check(elsewhere).normalisation == cased
    for name in {TOKENIZER, CONFIG} - {only}:
        Path(elsewhere.source, name).unlink()
    assert checkpoint.check(elsewhere).normalisation == cased
    with pytest.raises(EncoderError, match=r"bert: .*json has \w+ false, and \[encoder\] lower_case is true; allowed"):
        checkpoint.check(replace(elsewhere, lower_case=True))


def test_both_folders_have_to_say_the_same(elsewhere: EncoderSettings) -> None:
    beside = Path(elsewhere.vocab).with_name(CONFIG)
    beside.write_text(json.dumps({"do_lower_case": False}), encoding="utf-8")
    checkpoint.check(elsewhere)
    beside.write_text(json.dumps({"do_lower_case": True}), encoding="utf-8")
    with pytest.raises(
        EncoderError,
        match=r"do_lower_case true in .*/vocabularies/tokenizer_config\.json and .* false in .*/bert/.*; allowed: the "
        r"same in all\. Leave \[encoder\] vocab out",
    ):
        checkpoint.check(elsewhere)


def test_the_vocabulary_has_to_be_the_encoders_own(elsewhere: EncoderSettings) -> None:
    vocab = Path(elsewhere.vocab)
    vocab.write_text(f"{vocab.read_text(encoding='utf-8')}more\n", encoding="utf-8")
    with pytest.raises(
        EncoderError, match=rf"bert has another vocabulary in tokenizer\.json than in {vocab}; allowed: .* Leave \[enc"
    ):
        checkpoint.check(elsewhere)
    Path(elsewhere.source, TOKENIZER).unlink()
    with pytest.raises(EncoderError, match=r"vocabulary .* has \d+ tokens; allowed: up to the \d+ of the encoder"):
        checkpoint.check(elsewhere)


def test_a_preset_has_no_folder_that_could_say_something(elsewhere: EncoderSettings) -> None:
    preset = replace(elsewhere, source="preset:some")
    assert checkpoint.check(preset).normalisation == Normalisation()
    assert checkpoint.check(replace(preset, lower_case=False)).normalisation.lower_case is False


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t["normalizer"].update(lowercase=False, strip_accents=False), ""),
        (lambda t: t["model"].update(type="BPE"), r"mine\.json with model\.type 'BPE'; allowed: 'WordPiece'"),
        (lambda t: t["model"].update(continuing_subword_prefix="@"), r"mine\.json with .*prefix '@'; allowed: '##'"),
        (lambda t: t["normalizer"].update(type="NFKC"), r"mine\.json with normalizer\.type 'NFKC'; allowed: 'Bert"),
        (lambda t: t["added_tokens"].append({"content": "<url>", "id": 5}), r"mine\.json with the added token '<url>'"),
    ],
)
def test_a_tokenizer_json_of_another_name_is_checked(settings: EncoderSettings, change: Change, message: str) -> None:
    mine = Path(settings.source, TOKENIZER).rename(Path(settings.source, "mine.json"))
    Path(settings.source, CONFIG).unlink()
    edit(settings, mine.name, change)
    named = replace(settings, vocab=str(mine))
    if message:
        with pytest.raises(EncoderError, match=message):
            checkpoint.check(named)
    else:
        assert checkpoint.check(named).normalisation == Normalisation(lower_case=False, strip_accents=False)
