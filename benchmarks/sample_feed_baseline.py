"""Compare a bag of words with the fine-tuned encoder on the sample feed.

    .venv/tfx/bin/python -m benchmarks.sample_feed_baseline              # the encoder takes minutes on a laptop's CPU
    .venv/tfx/bin/python -m benchmarks.sample_feed_baseline --only bag   # seconds

Both models are trained on the same two thirds of the reviews (chosen by the hash of their id) and tested on the rest.
The bag of words is a logistic regression over TF-IDF of words and pairs of words. The encoder is trained as the
pipeline's Trainer does it, with the values of tfx_modules/settings.toml unless a flag says otherwise.
"""

import argparse
import csv
import hashlib
import time
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "data" / "sample_reviews.csv"
SETTINGS = ROOT / "tfx_modules" / "settings.toml"
_TEST_THIRD = 0


@dataclass(frozen=True)
class Split:
    """Texts and their labels, 1 for positive."""

    texts: list[str]
    labels: list[int]


def read_splits(file: Path) -> tuple[Split, Split]:
    """Read a feed and deal it into a train split (two thirds) and a test split."""
    train, test = Split([], []), Split([], [])
    with file.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            third = int(hashlib.sha256(row["id"].encode()).hexdigest(), 16) % 3
            split = test if third == _TEST_THIRD else train
            split.texts.append(row["review"])
            split.labels.append(int(row["sentiment"] == "positive"))
    return train, test


def bag_of_words(train: Split, test: Split) -> list[bool]:
    """Train and test the bag of words.

    Returns:
        For every text of the test split, whether its class was recognised.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    classifier = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10.0))
    classifier.fit(train.texts, train.labels)
    found = classifier.predict(test.texts)
    return [bool(left == right) for left, right in zip(found, test.labels, strict=True)]


def fine_tuned_encoder(train: Split, test: Split, epochs: int, max_tokens: int) -> list[bool]:
    """Fine-tune and test the pipeline's model.

    Returns:
        For every text of the test split, whether its class was recognised.
    """
    import keras
    import tensorflow as tf

    from tfx_modules.data import tokenizer
    from tfx_modules.model import batches, bert_classifier
    from tfx_modules.model.encoder.backbone import load_backbone
    from tfx_modules.model.encoder.files import vocab_path
    from tfx_modules.settings.settings import load_settings

    settings = load_settings(SETTINGS)
    parts = replace(settings.encoder, max_tokens=max_tokens)
    training = replace(settings.training, epochs=epochs)
    keras.utils.set_random_seed(training.seed)
    shape = batches.BatchShape(training.batch_size, max_tokens, training.length_buckets, training.seed)

    def encoded(split: Split) -> tf.Tensor:
        vocab = vocab_path(parts)
        ids = tokenizer.encode(
            tf.constant(split.texts),
            vocab,
            parts.normalisation,
            max_tokens=max_tokens,
            head_tokens=parts.head_tokens,
        )
        return tf.cast(ids, tf.int32)

    rows = tf.data.Dataset.from_tensor_slices((encoded(train), tf.cast(train.labels, tf.float32)))
    examples = rows.map(lambda row, label: (row[: tf.math.count_nonzero(row, dtype=tf.int32)], label))
    steps = batches.steps_per_epoch(len(train.texts), shape)
    classifier = bert_classifier.build_classifier(load_backbone(parts), training.dropout)
    bert_classifier.compile_classifier(
        classifier, bert_classifier.default_hyperparameters(training), training, steps * epochs
    )
    classifier.fit(batches.training_batches(examples, shape), steps_per_epoch=steps, epochs=epochs, verbose=2)
    logits = classifier.predict(encoded(test), batch_size=training.batch_size, verbose=0)[:, 0]
    return [bool((logit > 0) == label) for logit, label in zip(logits, test.labels, strict=True)]


def report(name: str, test: Split, right: list[bool], seconds: float, mistakes: int) -> None:
    """Print a model's accuracy and its first mistakes."""
    print(f"{name}: {sum(right) / len(right):.3f} of {len(right)} reviews right, {seconds:.0f} s")
    wrong = [text for text, ok in zip(test.texts, right, strict=True) if not ok]
    for line in wrong[:mistakes]:
        print("   wrong:", line.replace("\n", " "))


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description="Compare a bag of words with the fine-tuned encoder.")
    parser.add_argument("--file", type=Path, default=SAMPLE, help="feed to use (default: %(default)s)")
    parser.add_argument("--only", choices=("bag", "encoder"), help="run one of the two")
    parser.add_argument("--epochs", type=int, default=2, help="the encoder's epochs (default: %(default)s)")
    parser.add_argument(
        "--max-tokens", type=int, default=128, help="the encoder's longest input (default: %(default)s)"
    )
    parser.add_argument("--mistakes", type=int, default=0, help="how many wrong ones to print (default: %(default)s)")
    flags = parser.parse_args()
    train, test = read_splits(flags.file)
    print(f"trained on {len(train.texts)} reviews")
    if flags.only != "encoder":
        start = time.perf_counter()
        report("bag of words", test, bag_of_words(train, test), time.perf_counter() - start, flags.mistakes)
    if flags.only != "bag":
        start = time.perf_counter()
        right = fine_tuned_encoder(train, test, flags.epochs, flags.max_tokens)
        report("fine-tuned encoder", test, right, time.perf_counter() - start, flags.mistakes)


if __name__ == "__main__":
    main()
