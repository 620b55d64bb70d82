"""Train the pipeline's model on IMDB reviews, and test it on others that it never saw.

    .venv/tfx/bin/python -m benchmarks.imdb_accuracy --train imdb_5k.csv.gz --test imdb_test_2k.csv.gz
    ... --seeds 3 --peers /tmp/peers/bin/python

Both files are CSV (gzipped or not) with the columns ``review`` and ``sentiment`` (1, positive or pos; 0, negative or
neg). The reviews of ``--train`` become one day's span, and the compiled pipeline's own nodes, run by the node command's
own code, do the rest: ExampleGen deals them by hash, Transform tokenises, the Trainer fine-tunes on the larger
part with the settings' seed, and keeps the weights that are best on the smaller. The exported SavedModel then answers
for every review of ``--test``, in each engine and precision. Further seeds have the same data and the same Transform:
the Trainer alone runs anew, and exports a SavedModel only.

The peer (``benchmarks/multiclass/fine_tune.py``) is a plain fine-tuning of the same encoder by Hugging Face's
libraries, on the same training reviews and as many threads: two epochs, batches of 32, AdamW, float32, the first 256
WordPieces of a review, padded to the longest of its batch.
"""

import argparse
import csv
import datetime as dt
import gzip
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tfx.utils import path_utils

from benchmarks import nodes
from benchmarks.multiclass import other_side
from benchmarks.multiclass.texts import write as write_texts
from benchmarks.spans import span_file
from tfx_modules.model.record import training_record
from tfx_modules.model.record.training_record import Fit
from tfx_modules.pipeline.compile import checked_settings, compile_settings, to_json
from tfx_modules.serving.models.model import ServedModel, VersionFiles
from tfx_modules.serving.specs import PredictCall
from tfx_modules.settings.settings import PipelineSettings

SETTINGS = Path(__file__).with_name("imdb.toml")
DAY = dt.date(2026, 11, 5)
NODES = (
    "CsvExampleGen", "StatisticsGen", "SchemaGen", "ChampionStatistics", "ExampleValidator", "Transform", "LatestTuned",
    "Tuner", "Trainer",
)  # fmt: skip
POSITIVE, NEGATIVE = ("1", "pos", "positive"), ("0", "neg", "negative")
BATCH = 32


def read_reviews(path: Path) -> Iterator[tuple[str, str]]:
    """Yield a file's reviews and their labels, ``positive`` or ``negative``.

    Raises:
        SystemExit: a label is none of the known ones.
    """
    csv.field_size_limit(1 << 24)
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", newline="") as lines:
        for number, row in enumerate(csv.DictReader(lines), start=2):
            sentiment = row["sentiment"].strip().lower()
            if sentiment not in POSITIVE + NEGATIVE:
                raise SystemExit(f"{path}, row {number}: sentiment {sentiment!r}; allowed: {POSITIVE + NEGATIVE}.")
            yield row["review"], "positive" if sentiment in POSITIVE else "negative"


def write_span(reviews: Iterator[tuple[str, str]], root: Path) -> int:
    """Write the reviews as the span of a day; return how many there are."""
    target = span_file(root, DAY)
    target.parent.mkdir(parents=True)
    number = 0
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "date", "review", "sentiment"))
        for number, (text, sentiment) in enumerate(reviews, start=1):
            writer.writerow((f"r{number}", DAY.isoformat(), text, sentiment))
    return number


@dataclass(frozen=True)
class Trained:
    """What came of a run of the nodes up to the Trainer."""

    model: Path
    """The folder of the exported SavedModel."""
    seconds: float
    """Of the Trainer: the training, and the exports."""
    fit: Fit


def run_pipeline(root: Path, config: PipelineSettings, *, steps: int = 0, run_id: str = nodes.RUN) -> Trained:
    """Run the pipeline's nodes up to the Trainer.

    Args:
        root: the benchmark's folder, with a span.
        config: the pipeline's settings, with a checked encoder.
        steps: to train; 0: the settings' epochs.
        run_id: of a run after the first, only nodes whose settings have changed compute.

    Raises:
        SystemExit: a node failed.
    """
    (root / "pipeline.json").write_text(to_json(compile_settings(config)), encoding="utf-8")
    parameters = nodes.parameters_for(root, [DAY], steps=steps)
    for node in NODES:
        start = time.perf_counter()
        outcome = nodes.run(root, node, parameters, run_id, use_cache=run_id != nodes.RUN)
        seconds = time.perf_counter() - start
        print(f"{node}: {outcome.state.value}, {seconds:.0f} s", flush=True)
        if outcome.exit_code:
            raise SystemExit(f"{node} failed: {outcome.reason}")
    record = training_record.read(Path(outcome.outputs["model_run"][0].uri))
    if record is None:
        raise SystemExit("the Trainer has written no record of its training; it was taken from the cache.")
    return Trained(Path(path_utils.serving_model_path(outcome.outputs["model"][0].uri)), seconds, record.fit)


def engines(model: Path) -> Iterator[ServedModel]:
    """Load the exported model in TensorFlow, and in each precision that it carries for OpenVINO."""
    files = VersionFiles(model)
    yield files.with_tensorflow()
    yield from map(files.with_openvino, files.variants())


def answers(served: ServedModel, texts: list[str]) -> list[str]:
    """Ask a model about the texts, a batch at a time; return the labels."""
    found: list[str] = []
    for first in range(0, len(texts), BATCH):
        some = np.array([text.encode() for text in texts[first : first + BATCH]], object)
        labels = served.predict(PredictCall("serving_default", {"text": some}, ("label",)))["label"]
        found += [label.decode() for label in labels]
    return found


@dataclass(frozen=True)
class Test:
    """The reviews to test on."""

    texts: list[str]
    labels: list[str]

    def accuracy(self, served: ServedModel) -> float:
        """Ask a model about all; print and return the share that it gets right."""
        start = time.perf_counter()
        found = answers(served, self.texts)
        seconds = time.perf_counter() - start
        right = sum(label == answer for label, answer in zip(self.labels, found, strict=True))
        share = right / len(self.labels)
        print(
            f"{served.engine}: accuracy {share:.4f} ({right} of {len(self.labels)} reviews), {seconds:.0f} s",
            flush=True,
        )
        return share


@dataclass(frozen=True)
class Seeds:
    """What came of the trainings of all seeds, in their order."""

    accuracies: list[float]
    """Of TensorFlow's answers."""
    trained: list[Trained]

    def tell(self) -> None:
        """Print means and spread."""
        spread = statistics.stdev(self.accuracies) if len(self.accuracies) > 1 else 0.0
        print(
            f"{len(self.accuracies)} seeds: accuracy {statistics.mean(self.accuracies):.4f} in the mean, "
            f"{min(self.accuracies):.4f} to {max(self.accuracies):.4f}, standard deviation {spread:.4f}; "
            f"training {self.training_seconds:.0f} s, "
            f"Trainer {', '.join(f'{one.seconds:.0f}' for one in self.trained)} s"
        )

    @property
    def training_seconds(self) -> float:
        """Mean time of all epochs with their validations."""
        return statistics.mean(one.fit.seconds for one in self.trained)


def train_seeds(root: Path, config: PipelineSettings, flags: argparse.Namespace, test: Test) -> Seeds:
    """Train and test with one seed after another; only the first model is exported for all engines."""
    found = Seeds([], [])
    for number in range(flags.seeds):
        seed = config.training.seed + number
        of_seed = replace(config, training=replace(config.training, seed=seed))
        if number:
            of_seed = replace(of_seed, export=replace(config.export, engines=()))
        run_id = f"seed-{seed}" if number else nodes.RUN
        trained = run_pipeline(root, of_seed, steps=flags.steps, run_id=run_id)
        fit = trained.fit
        print(
            f"seed {seed}, {fit.device}: {fit.train_examples} reviews, {fit.steps} steps, "
            f"{fit.examples_per_second or 0:.1f} reviews/s; Trainer {trained.seconds:.0f} s, of which training "
            f"{fit.seconds:.0f} s",
            flush=True,
        )
        first, *_ = [test.accuracy(served) for served in engines(trained.model)]
        found.accuracies.append(first)
        found.trained.append(trained)
    found.tell()
    return found


def compare(root: Path, config: PipelineSettings, flags: argparse.Namespace, test: Test, ours: Seeds) -> None:
    """Have Hugging Face's libraries fine-tune the same encoder on the same reviews, and print the ratios."""
    other_side.write_splits(root)
    rows = zip(test.texts, (int(label == "positive") for label in test.labels), strict=True)
    write_texts(root / "test.csv", rows)
    figures = root / "figures.json"
    options = ["--epochs", "2", "--batch-size", "32", "--learning-rates", str(flags.peers_learning_rate)]
    options += ["--max-tokens", "256", "--float32", "--last-epoch", "--seed", str(config.training.seed)]
    other_side.fine_tune(flags.peers, config.encoder, root, [*options, "--figures", str(figures)])
    theirs = json.loads(figures.read_text(encoding="utf-8"))
    points = 100 * (statistics.mean(ours.accuracies) - theirs["right"] / theirs["texts"])
    trainer = ours.trained[0].seconds  # the others are not exported for all engines
    print(
        f"Beside Hugging Face's two epochs: accuracy {points:+.2f} points; training {ours.training_seconds:.0f} s "
        f"against {theirs['seconds']:.0f} s, {ours.training_seconds / theirs['seconds']:.2f} of it; the whole Trainer, "
        f"exports included, {trainer / theirs['seconds']:.2f} of it"
    )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Train the pipeline's model on IMDB reviews and test it on others.")
    parser.add_argument("--train", type=Path, required=True, help="CSV to train on, but for the eval split")
    parser.add_argument("--test", type=Path, required=True, help="CSV to test on")
    parser.add_argument(
        "--settings", type=Path, default=SETTINGS, help="the pipeline's settings (default: %(default)s)"
    )
    parser.add_argument("--steps", type=int, default=0, help="training steps; 0: the settings' epochs")
    parser.add_argument("--seeds", type=int, default=1, help="trainings, each with the seed after the one before")
    parser.add_argument("--peers", type=Path, help="the peers' Python; without it, only this side runs")
    parser.add_argument("--peers-learning-rate", type=float, default=5e-5, help="peak (default: %(default)s)")
    flags = parser.parse_args()
    if flags.seeds < 1:
        parser.error(f"--seeds is {flags.seeds}; allowed: 1 or more.")
    texts, labels = zip(*read_reviews(flags.test), strict=True)
    test = Test(list(texts), list(labels))
    config = checked_settings(flags.settings)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        print(
            f"{write_span(read_reviews(flags.train), root)} reviews, one in {config.split.eval_one_in} not trained on"
        )
        ours = train_seeds(root, config, flags, test)
        if flags.peers:
            compare(root, config, flags, test, ours)


if __name__ == "__main__":
    main()
