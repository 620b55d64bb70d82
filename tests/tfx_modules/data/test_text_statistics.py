"""What is measured of a review's text."""

import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfx_modules.data import features, text_statistics, tokenizer
from tfx_modules.data.text_statistics import Measurer, Measures, vocabulary
from tfx_modules.model.encoder import files as encoder
from tfx_modules.settings.normalisation import Normalisation
from tfx_modules.settings.settings import EncoderSettings


@pytest.fixture(scope="module")
def vocab() -> Path:
    return encoder.vocab_path(EncoderSettings())


@pytest.fixture(scope="module")
def measurer(vocab: Path) -> Measurer:
    return Measurer(vocab, Normalisation())


def one(measurer: Measurer, review: str) -> Measures:
    (found,) = measurer.measure([review])
    return found


@pytest.mark.parametrize(
    ("review", "words", "characters", "tags"),
    [
        ("", 0, 0, 0),
        ("A fine film.", 3, 12, 0),
        ("one\ntwo\u3000three", 3, 13, 0),
        ("<p>so<br />so</p>", 2, 17, 3),
        ("a < b > c <3", 6, 12, 0),
        ("电影很好", 1, 4, 0),
    ],
)
def test_words_characters_and_tags_are_counted(
    review: str, words: int, characters: int, tags: int, measurer: Measurer
) -> None:
    found = one(measurer, review)
    assert (found.words, found.characters, found.tags) == (words, characters, tags)


@pytest.mark.parametrize(
    ("review", "share"),
    [
        ("", 0.0),
        ("A fine film.", 0.0),
        ("fine \u16a0\u16a2", 1 / 2),
        ("\u16a0 \u16a0 \u16a0", 1.0),
        ("x" * 101 + " is one word", 1 / 4),
        ("<br />\u16a0 film", 1 / 2),
    ],
)
def test_the_unknown_share_is_that_of_the_encoders_own_pieces(review: str, share: float, measurer: Measurer) -> None:
    assert one(measurer, review).unknown_share == pytest.approx(share)


# The short cut for plain texts must not change what the tokenizer would say.
@settings(max_examples=150)
@given(
    st.lists(st.text(st.characters(codec="utf-8"), max_size=120) | st.text(st.characters(codec="ascii")), max_size=6)
)
def test_a_batch_is_measured_as_its_texts_are(measurer: Measurer, vocab: Path, reviews: list[str]) -> None:
    found = list(measurer.measure(reviews))
    shares = tokenizer.unknown_share(tf.constant(reviews, tf.string, shape=[len(reviews)]), vocab, Normalisation())
    assert [item.unknown_share for item in found] == pytest.approx(shares.numpy().tolist())
    assert found == [one(measurer, review) for review in reviews]


def test_without_the_characters_of_ascii_every_text_is_tokenised(tmp_path: Path) -> None:
    small = tmp_path / "vocab.txt"
    small.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "film"]), encoding="utf-8")
    assert one(Measurer(small, Normalisation()), "good film").unknown_share == 0.5


def test_the_vocabulary_has_each_bucket_once_whatever_the_case_markup_and_order(measurer: Measurer) -> None:
    assert vocabulary("the film and the Film") == vocabulary("film and the")
    assert one(measurer, "<b>the film</b>").vocabulary == vocabulary("film the")
    assert one(measurer, "").vocabulary == ()


def test_scripts_without_blanks_have_a_word_for_each_character() -> None:
    assert set(vocabulary("电影很好")) == {bucket for character in "电影很好" for bucket in vocabulary(character)}


@given(st.text())
def test_buckets_are_in_their_range_and_rise(review: str) -> None:
    found = list(vocabulary(review))
    assert found == sorted(set(found))
    assert all(0 <= bucket < features.VOCABULARY_BUCKETS for bucket in found)


def test_buckets_are_the_same_in_every_process(repository: Path) -> None:
    words = "one two three été 电影"
    code = f"from tfx_modules.data.text_statistics import vocabulary; print(vocabulary({words!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=repository, timeout=240
    )
    assert done.stdout.strip() == str(vocabulary(words))


def test_the_memory_for_words_is_bounded() -> None:
    for start in range(0, 200_000, 1000):
        vocabulary(" ".join(f"word{n}" for n in range(start, start + 1000)))
    assert len(text_statistics.BUCKETS) <= text_statistics.REMEMBERED
