"""Tokenises review texts to WordPiece ids, inside the TensorFlow graph.

Training (through Transform) and serving (through the exported graph) share this one function. The steps are those of
the BERT normaliser and pre-tokeniser of Hugging Face's ``tokenizers`` (clean, isolate CJK, NFD without accents, lower
case, split on white space and punctuation, greedy longest-match WordPiece), so that an encoder sees the tokens it was
trained on. TensorFlow Text's own BertTokenizer folds case by NFKC instead, which splits "½", "™", "…" and "ß"
differently.

Its ops are limited to those of TensorFlow and of the TensorFlow Text that stock TF Serving images link: trimming is
done by slicing. Differences from the reference are: "[SEP]" written in a review is text, never a special token; some
rare letters, which Unicode pairs with small ones since version 14 or decomposes since 13, stay as they are, or do not
(the test names them).
"""

import functools
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf
import tensorflow_text as tf_text

from tfx_modules.data.unicode_classes import CONTROLS, MARKS, PUNCTUATION, one_of
from tfx_modules.data.vocabulary import read_tokens
from tfx_modules.settings.normalisation import Normalisation

PAD_ID = 0
MARKUP = r"</?[A-Za-z!][^<>]{0,200}>"
"""A tag; the same for RE2 and for Python's ``re``."""
_SPACE = r"[\t\n\r\p{Z}]+"
_CONTROL = one_of(CONTROLS)
_CJK = f"({one_of('3400-4DBF 4E00-9FFF F900-FAFF 20000-2A6DF 2A700-2B81F 2B920-2CEAF 2F800-2FA1F')})"
_PUNCTUATION = one_of(PUNCTUATION)
_MARKS = one_of(MARKS)
_UNKNOWN = "[UNK]"
LONGEST_WORD = 100
"""Characters; longer words are unknown."""
_MOST_BYTES = 4
"""Of a character in UTF-8."""


class _Tokenizer(NamedTuple):
    wordpiece: tf_text.FastWordpieceTokenizer
    start: int
    end: int
    unknown: int


@functools.lru_cache(maxsize=4)
def _tokenizer(vocab: Path) -> _Tokenizer:
    tokens = read_tokens(vocab)
    with tf.init_scope():
        wordpiece = tf_text.FastWordpieceTokenizer(
            vocab=tokens,
            unknown_token=_UNKNOWN,
            max_bytes_per_word=LONGEST_WORD * _MOST_BYTES,
            token_out_type=tf.int64,
            no_pretokenization=True,
        )
    return _Tokenizer(wordpiece, *(tokens.index(token) for token in ("[CLS]", "[SEP]", _UNKNOWN)))


def clean(texts: tf.Tensor) -> tf.Tensor:
    """Remove markup such as ``<br />``, invalid UTF-8 and control characters; every white space becomes one blank.

    Args:
        texts: string [batch].

    Returns:
        string [batch], valid UTF-8.
    """
    valid = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace", replace_control_characters=False)
    plain = tf.strings.regex_replace(valid, MARKUP, " ")
    return tf.strings.regex_replace(tf.strings.regex_replace(plain, _SPACE, " "), _CONTROL, "")


def _normalise(texts: tf.Tensor, how: Normalisation) -> tf.Tensor:
    texts = clean(texts)
    if how.tokenize_chinese_chars:
        texts = tf.strings.regex_replace(texts, _CJK, r" \1 ")
    if how.strip_accents:
        texts = tf.strings.regex_replace(tf_text.normalize_utf8(texts, "NFD"), _MARKS, "")
    if how.lower_case:
        # The lower case of a capital sigma depends on its place in the word here, and not in the reference.
        texts = tf.strings.lower(tf.strings.regex_replace(texts, r"\x{03A3}", "\u03c3"), encoding="utf-8")
    return texts


def encode(texts: tf.Tensor, vocab: Path, how: Normalisation, *, max_tokens: int, head_tokens: int) -> tf.Tensor:
    """Tokenise reviews as BERT expects them.

    Args:
        texts: string [batch], UTF-8.
        vocab: the WordPiece vocabulary, with [CLS] and [SEP].
        how: texts are normalised.
        max_tokens: length of every row.
        head_tokens: how many WordPieces of its beginning a text keeps that is too long; the rest are its last ones.

    Returns:
        int64 [batch, max_tokens]: [CLS], the text's WordPieces shortened to fit, [SEP], then 0.
    """
    tokenizer = _tokenizer(vocab)
    pieces = _shorten(_pieces(tokenizer, texts, how), max_tokens - 2, head_tokens)
    column = tf.ones([tf.shape(texts)[0], 1], tf.int64)
    framed = tf.concat([column * tokenizer.start, pieces, column * tokenizer.end], axis=1)
    return framed.to_tensor(default_value=PAD_ID, shape=[None, max_tokens])


def unknown_share(texts: tf.Tensor, vocab: Path, how: Normalisation) -> tf.Tensor:
    """Return the share of each review's WordPieces that are unknown to the encoder.

    Args:
        texts: string [batch], UTF-8.
        vocab: the WordPiece vocabulary, with [UNK].
        how: texts are normalised.

    Returns:
        float32 [batch]: WordPieces that are [UNK], of all WordPieces of the whole text; 0 for an empty text.
    """
    tokenizer = _tokenizer(vocab)
    pieces = _pieces(tokenizer, texts, how)
    unknown = tf.reduce_sum(tf.cast(pieces == tokenizer.unknown, tf.float32), axis=1)
    return tf.math.divide_no_nan(unknown, tf.cast(pieces.row_lengths(), tf.float32))


def _pieces(tokenizer: _Tokenizer, texts: tf.Tensor, how: Normalisation) -> tf.RaggedTensor:
    words = tf_text.regex_split(_normalise(texts, how), rf" +|{_PUNCTUATION}", _PUNCTUATION)
    is_long = tf.strings.length(words.flat_values, unit="UTF8_CHAR") > LONGEST_WORD
    words = words.with_flat_values(tf.where(is_long, _UNKNOWN, words.flat_values))
    return tokenizer.wordpiece.tokenize(words).merge_dims(-2, -1)


def _shorten(pieces: tf.RaggedTensor, room: int, head: int) -> tf.RaggedTensor:
    if head >= room:
        return pieces[:, :room]
    return tf.concat([pieces[:, :head], pieces[:, head:][:, head - room :]], axis=1)
