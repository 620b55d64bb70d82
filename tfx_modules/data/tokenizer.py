"""Tokenises review texts to WordPiece ids, inside the TensorFlow graph.

Training (through Transform) and serving (through the exported graph) share this one function. The steps are those of
the BERT normaliser and pre-tokeniser of Hugging Face's ``tokenizers`` (clean, isolate CJK, NFD without accents, lower
case, split on white space and punctuation, greedy longest-match WordPiece), so that an encoder sees the tokens it was
trained on. TensorFlow Text's own BertTokenizer folds case by NFKC instead, which splits "½", "™", "…" and "ß"
differently.

Its ops are limited to those of TensorFlow and of the TensorFlow Text that stock TF Serving images link: trimming is
done by slicing. Differences from the reference are: "[SEP]" written in a review is text, never a special token; a
word is unknown from 100 bytes on, not 100 characters; CJK extension E is isolated to its end; characters that Unicode
added after version 3.2 may be classed otherwise.
"""

import functools
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf
import tensorflow_text as tf_text

PAD_ID = 0
MARKUP = r"</?[A-Za-z!][^<>]{0,200}>"
"""A tag; the same for RE2 and for Python's ``re``."""
_SPACE = r"[\t\n\r\p{Z}]+"
_CONTROL = r"[\p{C}\x{FFFD}]"
_CJK = (
    r"([\x{4E00}-\x{9FFF}\x{3400}-\x{4DBF}\x{20000}-\x{2A6DF}\x{2A700}-\x{2CEAF}\x{F900}-\x{FAFF}\x{2F800}-\x{2FA1F}])"
)
_PUNCTUATION = r"[!-/:-@\[-`{-~\p{P}]"


class _Tokenizer(NamedTuple):
    wordpiece: tf_text.FastWordpieceTokenizer
    start: int
    end: int
    unknown: int


@functools.lru_cache(maxsize=4)
def _tokenizer(vocab: Path) -> _Tokenizer:
    tokens = vocab.read_text(encoding="utf-8").splitlines()
    with tf.init_scope():
        wordpiece = tf_text.FastWordpieceTokenizer(vocab=tokens, token_out_type=tf.int64, no_pretokenization=True)
    return _Tokenizer(wordpiece, *(tokens.index(token) for token in ("[CLS]", "[SEP]", "[UNK]")))


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


def _normalise(texts: tf.Tensor, *, lower_case: bool) -> tf.Tensor:
    spaced = tf.strings.regex_replace(clean(texts), _CJK, r" \1 ")
    if not lower_case:
        return spaced
    bare = tf.strings.regex_replace(tf_text.normalize_utf8(spaced, "NFD"), r"\p{Mn}", "")
    # The lower case of a capital sigma depends on its place in the word here, and not in the reference.
    return tf.strings.lower(tf.strings.regex_replace(bare, r"\x{03A3}", "\u03c3"), encoding="utf-8")


def encode(texts: tf.Tensor, vocab: Path, *, lower_case: bool, max_tokens: int, head_tokens: int) -> tf.Tensor:
    """Tokenise reviews as BERT expects them.

    Args:
        texts: string [batch], UTF-8.
        vocab: the WordPiece vocabulary, one token a line, with [CLS] and [SEP].
        lower_case: whether the vocabulary is uncased.
        max_tokens: length of every row.
        head_tokens: how many WordPieces of its beginning a text keeps that is too long; the rest are its last ones.

    Returns:
        int64 [batch, max_tokens]: [CLS], the text's WordPieces shortened to fit, [SEP], then 0.
    """
    tokenizer = _tokenizer(vocab)
    pieces = _shorten(_pieces(tokenizer, texts, lower_case=lower_case), max_tokens - 2, head_tokens)
    column = tf.ones([tf.shape(texts)[0], 1], tf.int64)
    framed = tf.concat([column * tokenizer.start, pieces, column * tokenizer.end], axis=1)
    return framed.to_tensor(default_value=PAD_ID, shape=[None, max_tokens])


def unknown_share(texts: tf.Tensor, vocab: Path, *, lower_case: bool) -> tf.Tensor:
    """Return the share of each review's WordPieces that are unknown to the encoder.

    Args:
        texts: string [batch], UTF-8.
        vocab: the WordPiece vocabulary, one token a line, with [UNK].
        lower_case: whether the vocabulary is uncased.

    Returns:
        float32 [batch]: WordPieces that are [UNK], of all WordPieces of the whole text; 0 for an empty text.
    """
    tokenizer = _tokenizer(vocab)
    pieces = _pieces(tokenizer, texts, lower_case=lower_case)
    unknown = tf.reduce_sum(tf.cast(pieces == tokenizer.unknown, tf.float32), axis=1)
    return tf.math.divide_no_nan(unknown, tf.cast(pieces.row_lengths(), tf.float32))


def _pieces(tokenizer: _Tokenizer, texts: tf.Tensor, *, lower_case: bool) -> tf.RaggedTensor:
    words = tf_text.regex_split(_normalise(texts, lower_case=lower_case), rf" +|{_PUNCTUATION}", _PUNCTUATION)
    return tokenizer.wordpiece.tokenize(words).merge_dims(-2, -1)


def _shorten(pieces: tf.RaggedTensor, room: int, head: int) -> tf.RaggedTensor:
    if head >= room:
        return pieces[:, :room]
    return tf.concat([pieces[:, :head], pieces[:, head:][:, head - room :]], axis=1)
