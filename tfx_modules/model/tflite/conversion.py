"""Converts the trained classifier to a TFLite model, and computes with one."""

import os
import tempfile
import warnings

import keras
import numpy as np
import tensorflow as tf

from tfx_modules.model.measuring.rows import Ids, Logits
from tfx_modules.model.tflite.graph import IDS, LOGITS, SIGNATURE, LiteGraph


def converted(classifier: keras.Model, tokens: int, *, int8: bool) -> bytes:
    """Return the classifier as a TFLite model of builtin operations, as ``graph.py`` has it.

    Args:
        classifier: from ids to one logit, or to one for each class.
        tokens: the greatest length of a text.
        int8: whether matrices have 8 bits (dynamic range: what is multiplied with them is quantised when it is
            computed); else all is float32.
    """
    graph = LiteGraph(classifier)
    with tempfile.TemporaryDirectory() as folder:
        signatures = graph.signatures(tokens)
        tf.saved_model.save(graph, folder, signatures=signatures)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=list(signatures))
        if int8:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        made: bytes = converter.convert()
    return made


class LiteModel:
    """A TFLite model that computes, on as many cores as this process may use."""

    def __init__(self, content: bytes, signature: str = SIGNATURE) -> None:
        with warnings.catch_warnings():
            # TensorFlow announces that it will be a package of its own, ai-edge-litert; it is the same one.
            warnings.filterwarnings("ignore", r"\s*Warning: tf\.lite\.Interpreter is deprecated")
            interpreter = tf.lite.Interpreter(model_content=content, num_threads=len(os.sched_getaffinity(0)))
        self._run = interpreter.get_signature_runner(signature)

    def logits(self, ids: Ids) -> Logits:
        """Compute the logits of one text, float32 [1] or [1, classes], from ids int32 [1, tokens]; 0 is padding."""
        return np.asarray(self._run(**{IDS: ids})[LOGITS])
