"""AdamW in fused operations learns what Keras' does."""

import keras
import numpy as np
import tensorflow as tf

from tfx_modules.model.fused.optimizer import FusedAdamW


def test_steps_are_those_of_keras() -> None:
    plain = keras.optimizers.AdamW(1e-2, weight_decay=0.1, clipnorm=1.0)
    fused = FusedAdamW(1e-2, decay=0.1, clip_norm=1.0)
    found = []
    for optimizer in (plain, fused):
        keras.utils.set_random_seed(2)
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        shapes = {"kernel": (3, 4), "bias": (4,), "embeddings": (5, 2)}
        variables = [keras.Variable(tf.random.normal(shape), name=name) for name, shape in shapes.items()]
        for scale in (10.0, 0.01, 1.0):  # clipped and not
            kernel, bias, rows = (tf.random.normal(shape, stddev=scale) for shape in ((3, 4), (4,), (2, 2)))
            words = tf.IndexedSlices(rows, tf.constant([1, 1]), tf.constant([5, 2]))
            optimizer.apply_gradients(zip((kernel, bias, tf.convert_to_tensor(words)), variables, strict=True))
        found.append([variable.numpy() for variable in (*variables, *optimizer.variables)])

    for theirs, mine in zip(*found, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)
