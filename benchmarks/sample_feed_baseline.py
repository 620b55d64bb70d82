"""Compare a bag of words with the fine-tuned encoder on the sample feed.

    .venv/tfx/bin/python -m benchmarks.sample_feed_baseline              # the encoder takes minutes on a laptop's CPU
    .venv/tfx/bin/python -m benchmarks.sample_feed_baseline --only bag   # seconds
    .venv/tfx/bin/python -m benchmarks.sample_feed_baseline --run 2026-11-05

Both models are trained on the same two thirds of the reviews (chosen by the hash of their id) and tested on the rest.
With `--run`, they are trained on two thirds of the 14 days up to that one, as many as in a run of the pipeline, and
tested on the rest of these, on the holdout, and on the sentences of sample_feed_sentences.csv, which are in no file of
the feed. The bag of words is a logistic regression over TF-IDF of words and pairs of words. The encoder is trained as
the pipeline's Trainer does it, with the values of tfx_modules/settings.toml unless a flag says otherwise; the weights
are those after the last epoch.
"""

import argparse
import csv
import datetime as dt
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "data" / "sample_reviews.csv"
HOLDOUT = ROOT / "data" / "holdout" / "sample-v1.csv"
SENTENCES = Path(__file__).with_name("sample_feed_sentences.csv")
SETTINGS = ROOT / "tfx_modules" / "settings.toml"
WINDOW_DAYS = 14
_TEST_THIRD = 0

Classifier = Callable[[list[str]], list[bool]]
"""Tells of texts whether they are positive."""


@dataclass(frozen=True)
class Split:
    """Texts and their labels, 1 for positive."""

    texts: list[str] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)

    def add(self, row: dict[str, str]) -> None:
        """Add a row of a file."""
        self.texts.append(row["review"])
        self.labels.append(int(row["sentiment"] == "positive"))


def read_rows(file: Path) -> list[dict[str, str]]:
    """Read a file with a header."""
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def read_splits(file: Path, last_day: dt.date | None) -> tuple[Split, Split]:
    """Read a feed, or the window that ends with a day, and deal it into a train split (two thirds) and a test split."""
    train, test = Split(), Split()
    for row in read_rows(file):
        if last_day and not 0 <= (last_day - dt.date.fromisoformat(row["date"])).days < WINDOW_DAYS:
            continue
        third = int(hashlib.sha256(row["id"].encode()).hexdigest(), 16) % 3
        (test if third == _TEST_THIRD else train).add(row)
    return train, test


def read_tests(file: Path, column: str = "") -> dict[str, Split]:
    """Read texts to test with, by the values of a column."""
    found: dict[str, Split] = {}
    for row in read_rows(file):
        found.setdefault(row[column] if column else file.stem, Split()).add(row)
    return found


def bag_of_words(train: Split) -> Classifier:
    """Train the bag of words."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    classifier = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10.0))
    classifier.fit(train.texts, train.labels)
    return lambda texts: [bool(label) for label in classifier.predict(texts)]


def fine_tuned_encoder(train: Split, epochs: int | None, max_tokens: int, seed: int | None) -> Classifier:
    """Fine-tune the pipeline's model."""
    import keras
    import tensorflow as tf

    from tfx_modules.data import tokenizer
    from tfx_modules.model import batches, bert_classifier
    from tfx_modules.model.encoder.backbone import load_backbone
    from tfx_modules.model.encoder.files import vocab_path
    from tfx_modules.model.fitting import device
    from tfx_modules.settings.settings import load_settings

    settings = load_settings(SETTINGS)
    parts = replace(settings.encoder, max_tokens=max_tokens)
    training = replace(
        settings.training, epochs=epochs or settings.training.epochs, seed=seed or settings.training.seed
    )
    keras.utils.set_random_seed(training.seed)
    shape = batches.BatchShape(training.batch_size, max_tokens, training.length_buckets, training.seed)

    def encoded(texts: list[str]) -> tf.Tensor:
        vocab, how = vocab_path(parts), parts.normalisation
        ids = tokenizer.encode(tf.constant(texts), vocab, how, max_tokens=max_tokens, head_tokens=parts.head_tokens)
        return tf.cast(ids, tf.int32)

    rows = tf.data.Dataset.from_tensor_slices((encoded(train.texts), tf.cast(train.labels, tf.float32)))
    examples = rows.map(lambda row, label: (row[: tf.math.count_nonzero(row, dtype=tf.int32)], label)).cache()
    steps = batches.steps_per_epoch(len(train.texts), shape)
    with device.strategy(training.precision).scope():
        classifier = bert_classifier.build_classifier(
            load_backbone(parts, training.encoder_dropout),
            training.dropout,
            freeze_embeddings=training.freeze_embeddings,
        )
        bert_classifier.compile_classifier(
            classifier, bert_classifier.default_hyperparameters(training), training, steps * training.epochs
        )
    classifier.fit(batches.training_batches(examples, shape), steps_per_epoch=steps, epochs=training.epochs, verbose=2)
    return lambda texts: [
        bool(logit > 0) for logit in classifier.predict(encoded(texts), batch_size=training.batch_size, verbose=0)[:, 0]
    ]


def report(name: str, classify: Classifier, tests: dict[str, Split], mistakes: int) -> None:
    """Print a model's accuracy on each test, and its first mistakes."""
    for test, split in tests.items():
        right = [said == label for said, label in zip(classify(split.texts), split.labels, strict=True)]
        print(f"{name}, {test}: {sum(right) / len(right):.3f} of {len(right)} right")
        wrong = [text for text, ok in zip(split.texts, right, strict=True) if not ok]
        for line in wrong[:mistakes]:
            print("   wrong:", line.replace("\n", " "))


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description="Compare a bag of words with the fine-tuned encoder.")
    parser.add_argument("--file", type=Path, default=SAMPLE, help="feed to use (default: %(default)s)")
    parser.add_argument("--run", type=dt.date.fromisoformat, help="train as a run for this day does")
    parser.add_argument("--only", choices=("bag", "encoder"), help="run one of the two")
    parser.add_argument("--epochs", type=int, help="the encoder's epochs (default: those of the settings)")
    parser.add_argument("--seed", type=int, help="the encoder's seed (default: that of the settings)")
    parser.add_argument(
        "--max-tokens", type=int, default=128, help="the encoder's longest input (default: %(default)s)"
    )
    parser.add_argument("--mistakes", type=int, default=0, help="how many wrong ones to print (default: %(default)s)")
    flags = parser.parse_args()
    train, test = read_splits(flags.file, flags.run)
    tests = {"the other third": test}
    if flags.run:
        tests |= read_tests(HOLDOUT) | read_tests(SENTENCES, "kind")
    print(f"trained on {len(train.texts)} reviews")
    models: dict[str, Callable[[], Classifier]] = {
        "bag": lambda: bag_of_words(train),
        "encoder": lambda: fine_tuned_encoder(train, flags.epochs, flags.max_tokens, flags.seed),
    }
    for name, trained in models.items():
        if flags.only in (None, name):
            start = time.perf_counter()
            classify = trained()
            print(f"{name}: trained in {time.perf_counter() - start:.0f} s")
            report(name, classify, tests, flags.mistakes)


if __name__ == "__main__":
    main()
