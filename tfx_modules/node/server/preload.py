"""Imports the libraries that nodes need, before the node server forks."""

import gc
import importlib
import logging
import time
from collections.abc import Callable

from tfx_modules.node import logs

_MODULES = (
    # TensorFlow first: tfx.v1 would import it anyway, and errors are clearer so.
    "tensorflow",
    "tfx",  # before TFDV, which needs what TFX puts in the place of a module that tfx_bsl no longer has
    "tensorflow_text",
    "keras",
    "keras_hub",
    "keras_tuner",
    "tensorflow_transform",
    "tensorflow_data_validation",
    "tensorflow_model_analysis",
    "matplotlib.figure",
    "matplotlib.backends.backend_svg",
    "tfx.v1",
    "tfx.orchestration.local.runner_utils",
    "tfx.orchestration.portable.launcher",
    # What the node command and its components import beside TFX. A node that has to import it takes 0.3 s of a
    # processor longer, and most nodes take no more than that altogether.
    "apache_beam.runners.portability.abstract_job_service",
    "apache_beam.runners.portability.artifact_service",
    "apache_beam.runners.portability.fn_api_runner.fn_runner",
    "apache_beam.runners.portability.portable_runner",
    "apache_beam.runners.worker.sdk_worker_main",
    "apache_beam.runners.worker.worker_pool_main",
    "sqlalchemy",
    "sqlalchemy.dialects.sqlite",
    "psycopg",
    "safetensors",
    "scipy.stats",
    "tensorflow_serving.apis.prediction_log_pb2",
)
"""Only libraries, never ``tfx_modules``, of which each node has its own version. None of them touches a device or
starts a Python thread when imported; a fork would not have either."""

_logger = logging.getLogger(__name__)


def preload(stopping: Callable[[], bool]) -> None:
    """Import the libraries, and keep the garbage collector from touching them, so that forks go on sharing the memory.

    Args:
        stopping: called between two imports; when it returns true, the other imports are left out.
    """
    start = time.monotonic()
    for name in _MODULES:
        if stopping():
            return
        importlib.import_module(name)
    logs.tame_libraries()
    gc.collect()
    gc.freeze()
    _logger.info("the node server has imported its libraries in %.1f s", time.monotonic() - start)
