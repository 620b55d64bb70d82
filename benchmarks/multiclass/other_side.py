"""Gives the other side, Hugging Face's libraries in an environment of their own, its texts, and starts it."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import tensorflow as tf

from benchmarks.multiclass import texts
from tfx_modules.data import features
from tfx_modules.model.encoder.files import resolve
from tfx_modules.settings.settings import EncoderSettings

SPLITS = ("train", "eval")


def write_splits(root: Path) -> None:
    """Write what ExampleGen has put into each split, as ``{split}.csv``; the texts to test on are ``test.csv``."""
    for split in SPLITS:
        (folder,) = root.glob(f"artifacts/CsvExampleGen/examples/*/Split-{split}")
        texts.write(root / f"{split}.csv", _rows(folder))


def _rows(folder: Path) -> Iterator[tuple[str, int]]:
    records = tf.data.TFRecordDataset([str(file) for file in sorted(folder.iterdir())], compression_type="GZIP")
    for record in records.as_numpy_iterator():
        found = tf.train.Example.FromString(record).features.feature
        yield found[features.REVIEW].bytes_list.value[0].decode(), found[features.LABEL].int64_list.value[0]


def fine_tune(python: Path, encoder: EncoderSettings, root: Path, options: Sequence[str]) -> None:
    """Have the other side train and answer, with as many threads as this process may use; it prints its own figures.

    Args:
        python: of the peers' environment.
        encoder: the one that both sides train.
        root: folder of the texts.
        options: more of ``fine_tune.py``.
    """
    threads = str(len(os.sched_getaffinity(0)))
    command = [str(python), "-m", "benchmarks.multiclass.fine_tune", str(resolve(encoder.source)), str(root)]
    subprocess.run([*command, "--threads", threads, *options], check=True)
