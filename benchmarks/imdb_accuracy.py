"""Train the pipeline's model on IMDB reviews, and test it on others that it never saw.

    .venv/tfx/bin/python -m benchmarks.imdb_accuracy --train imdb_5k.csv.gz --test imdb_test_2k.csv.gz

Both files are CSV (gzipped or not) with the columns ``review`` and ``sentiment`` (1, positive or pos; 0, negative or
neg). The reviews of ``--train`` become one day's span, and the compiled pipeline's own nodes, run by the node command's
own code, do the rest: ExampleGen splits them 2 : 1 by hash, Transform tokenises, the Trainer fine-tunes on the larger
part with the settings' seed, and keeps the weights that are best on the smaller. The exported SavedModel then answers
for every review of ``--test``, in each engine and precision. It takes about a quarter of an hour on two cores.
"""

import argparse
import csv
import datetime as dt
import gzip
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tfx.utils import path_utils

from benchmarks import nodes
from tfx_modules.node.outcome import Outcome
from tfx_modules.pipeline.compile import compile_pipeline, to_json
from tfx_modules.serving.models.model import ServedModel, VersionFiles
from tfx_modules.serving.specs import PredictCall

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
    target = nodes.span_file(root, DAY)
    target.parent.mkdir(parents=True)
    number = 0
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "date", "review", "sentiment"))
        for number, (text, sentiment) in enumerate(reviews, start=1):
            writer.writerow((f"r{number}", DAY.isoformat(), text, sentiment))
    return number


def run_pipeline(root: Path, settings: Path, steps: int) -> Path:
    """Run the pipeline's nodes up to the Trainer.

    Returns:
        The folder of the exported SavedModel.

    Raises:
        SystemExit: a node failed.
    """
    (root / "pipeline.json").write_text(to_json(compile_pipeline(settings)), encoding="utf-8")
    parameters = nodes.parameters_for(root, [DAY], steps=steps)

    def run(node: str) -> Outcome:
        start = time.perf_counter()
        outcome = nodes.run(root, node, parameters)
        print(f"{node}: {outcome.state.value}, {time.perf_counter() - start:.0f} s", flush=True)
        if outcome.exit_code:
            raise SystemExit(f"{node} failed: {outcome.reason}")
        return outcome

    *_, trained = map(run, NODES)
    return Path(path_utils.serving_model_path(trained.outputs["model"][0].uri))


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


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Train the pipeline's model on IMDB reviews and test it on others.")
    parser.add_argument("--train", type=Path, required=True, help="CSV to train on, two thirds of it")
    parser.add_argument("--test", type=Path, required=True, help="CSV to test on")
    parser.add_argument(
        "--settings", type=Path, default=SETTINGS, help="the pipeline's settings (default: %(default)s)"
    )
    parser.add_argument("--steps", type=int, default=0, help="training steps; 0: the settings' epochs")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        print(f"{write_span(read_reviews(flags.train), root)} reviews to train on")
        model = run_pipeline(root, flags.settings, flags.steps)
        texts, labels = zip(*read_reviews(flags.test), strict=True)
        for served in engines(model):
            start = time.perf_counter()
            found = answers(served, list(texts))
            seconds = time.perf_counter() - start
            right = sum(label == answer for label, answer in zip(labels, found, strict=True))
            accuracy = f"{right / len(labels):.4f} ({right} of {len(labels)} reviews)"
            print(f"{served.engine}: accuracy {accuracy}, {seconds:.0f} s")


if __name__ == "__main__":
    main()
