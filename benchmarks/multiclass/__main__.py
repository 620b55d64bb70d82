"""Train the multiclass path on IMDB's stars in four classes, beside a fine-tuning by Hugging Face's libraries.

    python3.11 -m venv /tmp/peers && /tmp/peers/bin/pip install -r benchmarks/serving/requirements.txt
    .venv/tfx/bin/python -m benchmarks.multiclass --archive aclImdb_v1.tar.gz --peers /tmp/peers/bin/python

Reviews of the archive's ``train`` become one day's span, and the compiled pipeline's own nodes do the rest, as in
``benchmarks.imdb_accuracy``: ExampleGen splits them 2 : 1, the Trainer fine-tunes on the larger part and keeps the
weights that are best on the smaller. Reviews of ``test`` are then asked about, in each engine and precision of the
exported version. The other side (``fine_tune.py``) gets the same two splits, the same encoder, and as many epochs,
examples a batch and WordPieces as the settings have; in bfloat16, as the Trainer, where the processor has AMX.
"""

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks import imdb_accuracy
from benchmarks.multiclass import other_side, texts
from benchmarks.multiclass.measures import measure
from benchmarks.multiclass.reviews import LABELS, read_reviews
from tfx_modules.model.fitting import device
from tfx_modules.pipeline.compile import checked_settings
from tfx_modules.settings.settings import PipelineSettings, load_settings

SETTINGS = Path(__file__).with_name("settings.toml")


def ours(flags: argparse.Namespace, root: Path) -> None:
    """Train and ask the pipeline's model; print what it answers."""
    reviews = read_reviews(flags.archive, "train", flags.reviews)
    imdb_accuracy.write_span(iter(reviews), root)
    trained = imdb_accuracy.run_pipeline(root, checked_settings(flags.settings))
    other_side.write_splits(root)
    asked = texts.read(root / "test.csv")
    for served in imdb_accuracy.engines(trained.model):
        start = time.perf_counter()
        found = [LABELS.index(label) for label in imdb_accuracy.answers(served, asked.texts)]
        seconds = time.perf_counter() - start
        print(f"{served.engine}: {measure(asked.labels, found, len(LABELS)).in_words()}, {seconds:.0f} s", flush=True)


def theirs(flags: argparse.Namespace, root: Path, settings: PipelineSettings) -> None:
    """Have the other side train and answer; it prints its own figures."""
    training, encoder = settings.training, settings.encoder
    options = ["--epochs", str(training.epochs), "--batch-size", str(training.batch_size)]
    options += ["--max-tokens", str(encoder.max_tokens), "--seed", str(training.seed)]
    options += ["--learning-rates", *map(str, flags.learning_rates or [training.learning_rate])]
    if device.bfloat16_speedup() < device.MIN_SPEEDUP:
        options.append("--float32")
    other_side.fine_tune(flags.peers, encoder, root, options)


def run(flags: argparse.Namespace, root: Path) -> None:
    """Run both sides in a folder."""
    settings = load_settings(flags.settings)
    test = read_reviews(flags.archive, "test", flags.tests)
    texts.write(root / "test.csv", ((text, LABELS.index(label)) for text, label in test))
    label, count = Counter(label for _, label in test).most_common(1)[0]
    print(f"{len(test)} texts to test on; always {label!r} is right for {count / len(test):.4f}")
    if flags.skip_ours:
        missing = [split for split in other_side.SPLITS if not (root / f"{split}.csv").exists()]
        if missing:
            raise SystemExit(f"{root} has no {', '.join(missing)}.csv of an earlier call; leave --skip-ours out.")
    else:
        ours(flags, root)
    if flags.peers:
        theirs(flags, root, settings)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--archive", type=Path, required=True, help="aclImdb tar.gz")
    parser.add_argument("--reviews", type=int, default=2000, help="to train on, two thirds of them")
    parser.add_argument("--tests", type=int, default=1500, help="reviews to test on")
    parser.add_argument("--settings", type=Path, default=SETTINGS, help="of the pipeline (default: %(default)s)")
    parser.add_argument("--peers", type=Path, help="the peers' Python; without it, only this side runs")
    parser.add_argument("--learning-rates", type=float, nargs="+", help="of the other side; default: the settings'")
    parser.add_argument("--folder", type=Path, help="an empty one that is kept; default: one that is removed")
    parser.add_argument("--skip-ours", action="store_true", help="take the splits of an earlier call with --folder")
    flags = parser.parse_args()
    if flags.folder:
        flags.folder.mkdir(parents=True, exist_ok=True)
        run(flags, flags.folder)
    else:
        with tempfile.TemporaryDirectory() as folder:
            run(flags, Path(folder))


if __name__ == "__main__":
    main()
