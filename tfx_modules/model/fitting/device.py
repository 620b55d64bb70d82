"""Chooses what a training runs on, and the type that it computes in.

Weights, optimizer and loss are float32 in any case. bfloat16 has float32's range and a third of its digits. Products of
matrices, which are nearly all of a training's work, are several times as fast with it on processors with matrix units
(AMX), and slower on others. So it is measured.
"""

import logging
import statistics
import time
from collections.abc import Iterator

import keras
import tensorflow as tf

from tfx_modules.settings.settings import TrainingPrecision

MIN_SPEEDUP = 2.0
"""How many times as fast the products have to be. The rest of a step becomes no faster."""
_ROWS, _WIDTH, _INNER = 2048, 384, 1536
_RUNS = 5
_POLICIES = {TrainingPrecision.FLOAT32: "float32", TrainingPrecision.BFLOAT16: "mixed_bfloat16"}

_logger = logging.getLogger(__name__)


def strategy(precision: TrainingPrecision) -> tf.distribute.Strategy:
    """Use all GPUs where there are any, else the CPU, in the precision that is set; sets Keras' policy.

    Args:
        precision: from the settings. ``auto`` is mixed float16 on GPUs.
    """
    gpus = tf.config.list_logical_devices("GPU")
    keras.mixed_precision.set_dtype_policy(_policy(precision, on_gpu=bool(gpus)))
    _logger.info("training runs on %s", description())
    return tf.distribute.MirroredStrategy() if len(gpus) > 1 else tf.distribute.get_strategy()


def description() -> str:
    """Return in words what a training runs on, by Keras' policy."""
    gpus = tf.config.list_logical_devices("GPU")
    policy = keras.mixed_precision.dtype_policy()
    where = f"{len(gpus)} GPU(s)" if gpus else "the CPU"
    return f"{where}, {policy.name.replace('_', ' ')}"


def is_one_cpu() -> bool:
    """Tell whether a training runs on the CPU, as one device."""
    return not tf.distribute.has_strategy() and not tf.config.list_logical_devices("GPU")


def _policy(precision: TrainingPrecision, *, on_gpu: bool) -> str:
    if precision is not TrainingPrecision.AUTO:
        return _POLICIES[precision]
    if on_gpu:
        return "mixed_float16"
    speedup = bfloat16_speedup()
    _logger.info("products of matrices are %.1f times as fast in bfloat16; %.1f is worth it", speedup, MIN_SPEEDUP)
    return _POLICIES[TrainingPrecision.BFLOAT16 if speedup >= MIN_SPEEDUP else TrainingPrecision.FLOAT32]


def bfloat16_speedup() -> float:
    """Measure how many times as fast this processor multiplies matrices of an encoder's size in bfloat16."""
    left, right = tf.ones([_ROWS, _WIDTH]), tf.ones([_WIDTH, _INNER])
    pairs = [(tf.cast(left, kind), tf.cast(right, kind)) for kind in (tf.float32, tf.bfloat16)]
    for pair in pairs:
        tf.linalg.matmul(*pair)  # prepares it
    taken = [tuple(_seconds(pairs)) for _ in range(_RUNS)]  # in turns: what slows the machine slows both
    return statistics.median(exact / quick for exact, quick in taken)


def _seconds(pairs: list[tuple[tf.Tensor, tf.Tensor]]) -> Iterator[float]:
    for pair in pairs:
        began = time.perf_counter()
        tf.linalg.matmul(*pair).numpy()
        yield time.perf_counter() - began
