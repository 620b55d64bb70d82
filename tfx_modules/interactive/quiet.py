"""Keeps what TensorFlow, TFX and Beam log out of a notebook, but for errors."""

import logging
import os
import warnings

from tfx_modules.serving.client.greetings import without_greetings

_LIBRARIES = ("apache_beam", "nncf", "tensorflow")


def quieten() -> None:
    """Import the libraries without their greetings, and show only their errors from then on."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Of Google libraries, once this Python is past its end; TFX chooses the Python.
    warnings.filterwarnings("ignore", "You are using a non-supported Python version", FutureWarning)
    # Of Keras, when an epoch has fewer batches than the one before, as the last ones have.
    warnings.filterwarnings("ignore", "Your input ran out of data", UserWarning)
    with without_greetings():
        import tensorflow_model_analysis
        import tfx.v1

    del tensorflow_model_analysis, tfx
    from absl import logging as absl_logging

    absl_logging.set_verbosity(absl_logging.ERROR)
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.ERROR)  # after the imports, which set levels of their own
