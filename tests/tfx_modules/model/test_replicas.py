"""Training on several devices reports what training on one does."""

import subprocess
import sys
from pathlib import Path

import pytest

# TensorFlow's devices are fixed once it has started, so that the two CPUs need a process of their own.
SCRIPT = """
import numpy as np
import tensorflow as tf

(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

import keras
import keras_hub
from tfx_modules.model import bert_classifier
from tfx_modules.settings.settings import TrainingSettings

sizes = dict(num_layers=1, num_heads=2, hidden_dim=16, intermediate_dim=16, max_sequence_length=8, dropout=0.0)
ids = np.array([[101, 7, 8, 102], [101, 9, 102, 0]] * 2, "int32")
batches = tf.data.Dataset.from_tensor_slices((ids, np.array([1, 0, 1, 0], "float32"))).batch(4, drop_remainder=True)
for strategy in (tf.distribute.MirroredStrategy(["CPU:0"]), tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])):
    keras.utils.set_random_seed(5)
    with strategy.scope():
        classifier = bert_classifier.build_classifier(keras_hub.models.BertBackbone(vocabulary_size=200, **sizes), 0.0)
        values = bert_classifier.Hyperparameters(1e-2, 0.0, 0.0)
        bert_classifier.compile_classifier(classifier, values, TrainingSettings(jit_compile=True), 10)
    trained = classifier.fit(batches, epochs=2, verbose=0).history["loss"]
    padded = batches.map(lambda ids, labels: (ids, labels, tf.constant([1.0, 1.0, 0.0, 0.0])))
    tested = [classifier.evaluate(given, verbose=0)[0] for given in (batches, padded)]
    print("losses", strategy.num_replicas_in_sync, *trained, *tested)
"""


def test_losses_on_two_devices_are_those_on_one(repository: Path) -> None:
    made = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=repository, capture_output=True, text=True, check=False, timeout=300
    )

    assert made.returncode == 0, made.stderr
    one, two = (line.split()[1:] for line in made.stdout.splitlines() if line.startswith("losses"))
    assert (one[0], two[0]) == ("1", "2")
    assert [float(loss) for loss in two[1:]] == pytest.approx([float(loss) for loss in one[1:]], abs=1e-3)
