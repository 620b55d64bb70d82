"""Checks before a node which GPUs TensorFlow sees."""

import logging

import tensorflow as tf

from tfx_modules.exceptions import NodeError
from tfx_modules.node.request import GpuUse

_logger = logging.getLogger(__name__)


def preflight(node: str, use: GpuUse) -> None:
    """Log the devices that a node will run on, before it spends hours.

    Args:
        node: The node's id.
        use: What it has to do with GPUs.

    Raises:
        NodeError: It must have a GPU, and TensorFlow sees none.
    """
    if use is GpuUse.NONE:
        return
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        _logger.info("%s: TensorFlow sees %s", node, ", ".join(map(_describe, gpus)))
    elif use is GpuUse.REQUIRED:
        raise NodeError(
            f"{node}: TensorFlow sees no GPU, and [bert_service] require_gpu is true; allowed: one GPU or more. Check "
            "driver, CUDA libraries and CUDA_VISIBLE_DEVICES on the worker of this task (TensorFlow's warnings above "
            "may say what is missing), or set require_gpu = false to run on the CPU."
        )
    else:
        _logger.info("%s: TensorFlow sees no GPU; it runs on the CPU", node)


def _describe(gpu: tf.config.PhysicalDevice) -> str:
    name = tf.config.experimental.get_device_details(gpu).get("device_name", "a GPU of unknown make")
    return f"{name} ({gpu.name.rpartition('physical_device:')[2]})"
