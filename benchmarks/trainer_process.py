"""Trains for `benchmarks.training_step`, which runs it as a process in each of two checkouts.

It imports nothing of the benchmarks, since the other checkout's `tfx_modules` come first on its path. Lines of JSON on
standard output say how many seconds something took, on the clock and of all cores. The first comes when the classifier
is built (0 seconds). Each of the others answers a line of JSON on standard input:

    {"batch_size": 32, "lengths": [64, 128]}    compiles the programs of these lengths
    {"length": 128, "steps": 10}                trains on random batches of that length and the size before
"""

import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial

import keras
import tensorflow as tf

from tfx_modules.model import bert_classifier
from tfx_modules.model.encoder.backbone import load_backbone
from tfx_modules.settings.settings import EncoderSettings, TrainingSettings

STEPS = 10_000  # of the schedule: none of a benchmark's steps comes near its end
VOCABULARY = 30_000


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


def batches(batch_size: int, length: int) -> tf.data.Dataset:
    """Return endless pairs of ids (int32 [batch_size, length]) and labels (float32 [batch_size])."""
    ids = tf.random.uniform([batch_size, length], 1000, VOCABULARY, tf.int32, seed=1)
    labels = tf.cast(tf.range(batch_size) % 2, tf.float32)
    return tf.data.Dataset.from_tensors((ids, labels)).repeat()


def main() -> None:
    """Answer until standard input ends."""
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is no answer

        def answer(work: Callable[[], object]) -> None:
            clock, processor = time.perf_counter(), time.process_time()
            work()
            took = {"clock": time.perf_counter() - clock, "processor": time.process_time() - processor}
            print(json.dumps(took), file=answers, flush=True)

        classifier, batch_size = build(), 0
        answer(lambda: None)
        for line in sys.stdin:
            question = json.loads(line)
            if "lengths" in question:
                batch_size = question["batch_size"]
                answer(partial(classifier.prepare, batch_size, question["lengths"]))
            else:
                data = batches(batch_size, question["length"])
                answer(partial(classifier.fit, data, steps_per_epoch=question["steps"], verbose=0))


if __name__ == "__main__":
    main()
