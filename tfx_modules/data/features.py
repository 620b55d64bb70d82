"""Names and values of the features, from a span's CSV columns to the model's signatures. Imports nothing."""

ID = "id"
DATE = "date"
REVIEW = "review"
SENTIMENT = "sentiment"
"""The review's label in words, one of the task's: the column has this name whatever the labels are. Of a multilabel
task the column has a list in JSON, and the feature each label of the review."""
CSV_COLUMNS = (ID, DATE, REVIEW, SENTIMENT)

LABEL = "label"
"""int64, the number of the review's label among the task's classes: of binary sentiment, 1 for positive and 0 for
negative; of a multilabel task 0 or 1 for each class; absent where the sentiment is none of them."""
LENGTH = "length"
"""One of LENGTHS, by the review's number of words: a slice of the evaluation."""
QUESTION = "question"
"""``yes`` where the review has a question mark: a slice of the evaluation."""

LENGTHS = (("short", 20), ("medium", 80), ("long", None))
"""Name and greatest number of words of each class of review length."""

WORDS = "words"
"""int64, number of words between white space; 0 where the review is missing, as for the four that follow."""
CHARACTERS = "characters"
"""int64, number of characters, markup included."""
TAGS = "tags"
"""int64, number of markup tags such as ``<br />``."""
UNKNOWN_SHARE = "unknown_share"
"""float, share of the review's WordPieces that the encoder's vocabulary does not have ([UNK]), 0 to 1."""
VOCABULARY = "vocabulary"
"""int64 list, the buckets that the review's words fall into by their hash, each once, rising."""
VOCABULARY_BUCKETS = 256

INPUT_IDS = "input_ids"
"""Transformed: int64 [batch, max_tokens], WordPiece ids with [CLS] and [SEP], padded with 0."""


def length_class(words: int) -> str:
    """Return a review's class of length."""
    return next(name for name, most in LENGTHS if most is None or words <= most)


def has_question(review: str) -> str:
    """Return whether a review has a question mark, as the slice's value."""
    return "yes" if "?" in review else "no"
