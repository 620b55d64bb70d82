"""Trains for `benchmarks.training_step`, which runs it as a process for each of two checkouts, or beside PyTorch.

It imports nothing of the benchmarks, since another checkout's `tfx_modules` come first on its path. Lines of JSON on
standard output say how many seconds something took, on the clock and of all cores. The first comes when the classifier
is built (0 seconds), and says what it computes in. Each of the others answers a line of JSON on standard input:

    {"batch_size": 32, "lengths": [64, 128]}    compiles the programs of these lengths
    {"length": 128, "steps": 10}                trains on random batches of that length and the size before
    {"file": "batches.npz"}                     trains on the batches of a file: arrays ids0, labels0, ids1 and so on
    {"peak": true}                              multiplies large matrices in the precision that it trains in
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial

import keras
import numpy as np
import tensorflow as tf

from tfx_modules.model import bert_classifier
from tfx_modules.model.encoder.backbone import load_backbone
from tfx_modules.settings.settings import EncoderSettings, TrainingSettings

STEPS = 10_000  # of the schedule: none of a benchmark's steps comes near its end
VOCABULARY = 30_000
PEAK_SIZE, PEAK_RUNS = 4096, 3


def build() -> bert_classifier.SentimentClassifier:
    """Build the classifier of the settings' defaults, ready to be prepared."""
    settings = TrainingSettings()
    try:
        from tfx_modules.model.fitting import device
    except ModuleNotFoundError:
        pass  # an older checkout, which trains in float32 on a CPU
    else:
        device.strategy(settings.precision)
    keras.utils.set_random_seed(settings.seed)
    values = bert_classifier.default_hyperparameters(settings)
    classifier = bert_classifier.build_classifier(load_backbone(EncoderSettings()), values.dropout)
    bert_classifier.compile_classifier(classifier, values, settings, STEPS)
    return classifier


def random_batches(batch_size: int, length: int) -> tf.data.Dataset:
    """Return endless pairs of ids (int32 [batch_size, length]) and labels (float32 [batch_size])."""
    ids = tf.random.uniform([batch_size, length], 1000, VOCABULARY, tf.int32, seed=1)
    labels = tf.cast(tf.range(batch_size) % 2, tf.float32)
    return tf.data.Dataset.from_tensors((ids, labels)).repeat()


def read_batches(file: str) -> tuple[tf.data.Dataset, int]:
    """Return the batches of a file, and their number."""
    with np.load(file) as found:
        pairs = [(found[f"ids{number}"], found[f"labels{number}"]) for number in range(len(found.files) // 2)]

    def again() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        while True:
            yield from pairs

    signature = (tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None], tf.float32))
    return tf.data.Dataset.from_generator(again, output_signature=signature), len(pairs)


def multiply() -> None:
    """Multiply two large matrices in the precision that Keras' policy computes in."""
    kind = keras.mixed_precision.dtype_policy().compute_dtype
    left, right = (tf.ones([PEAK_SIZE, PEAK_SIZE], kind) for _ in range(2))
    for _ in range(PEAK_RUNS):
        tf.linalg.matmul(left, right)[0, 0].numpy()


def main() -> None:
    """Answer until standard input ends."""
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is no answer

        def answer(work: Callable[[], object], **more: object) -> None:
            clock, processor = time.perf_counter(), time.process_time()
            work()
            took = {"clock": time.perf_counter() - clock, "processor": time.process_time() - processor}
            print(json.dumps(took | more), file=answers, flush=True)

        classifier, batch_size = build(), 0
        answer(lambda: None, precision=keras.mixed_precision.dtype_policy().compute_dtype)
        for line in sys.stdin:
            question = json.loads(line)
            if "lengths" in question:
                batch_size = question["batch_size"]
                answer(partial(classifier.prepare, batch_size, question["lengths"]))
            elif "peak" in question:
                answer(multiply)
            else:
                if "file" in question:
                    data, steps = read_batches(question["file"])
                else:
                    data, steps = random_batches(batch_size, question["length"]), question["steps"]
                answer(partial(classifier.fit, data, steps_per_epoch=steps, verbose=0))


if __name__ == "__main__":
    main()
