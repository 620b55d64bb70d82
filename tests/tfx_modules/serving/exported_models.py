"""A tiny real SavedModel with a signature for everything that the server has to carry."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import tensorflow as tf

MODEL = "reviews"  # the name that tests serve it under

Publish = Callable[[Path, int], Path]  # puts a version under a base path, returns its folder

TEXT = tf.TensorSpec([None], tf.string, "text")


class TinyModel(tf.Module):  # type: ignore[misc]
    """Says that reviews with the word "good" are positive, and which version it is."""

    def __init__(self, version: int) -> None:
        super().__init__()
        self.version = tf.Variable(version, dtype=tf.int64)

    def review(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        good = tf.strings.regex_full_match(text, "(?s).*good.*")
        return {"score": tf.where(good, 0.9, 0.1), "label": tf.where(good, "positive", "negative")}

    def examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        parsed = tf.io.parse_example(examples, {"text": tf.io.FixedLenFeature([], tf.string)})
        return self.review(parsed["text"])

    def judge(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        score = self.examples(inputs)["score"]
        classes = tf.tile([["negative", "positive"]], [tf.size(score), 1])
        return {"classes": classes, "scores": tf.stack([tf.where(score > 0.5, 0.1, 0.9), score], axis=1)}

    def rate(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"outputs": self.examples(inputs)["score"]}

    def which_version(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"version": tf.fill(tf.shape(text), self.version)}

    def arithmetic(self, a: tf.Tensor, b: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"sum": tf.reduce_sum(a, axis=1) + tf.cast(b, tf.float32), "even": b % 2 == 0}

    def as_bytes(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"raw_bytes": text}

    def total(self, values: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"total": tf.reduce_sum(values)}

    def not_empty(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        tf.debugging.assert_greater(tf.strings.length(text), 0, message="a review may not be empty")
        return {"length": tf.strings.length(text)}

    def slow(self, rounds: tf.Tensor) -> dict[str, tf.Tensor]:
        matrix = tf.eye(300)
        for _ in tf.range(tf.reduce_max(rounds)):
            matrix = tf.linalg.matmul(matrix, matrix)
        return {"done": tf.cast(rounds, tf.float32) * matrix[0, 0]}


SIGNATURES: dict[str, tuple[Callable[..., dict[str, tf.Tensor]], list[tf.TensorSpec]]] = {
    "serving_default": (TinyModel.review, [TEXT]),
    "serving_examples": (TinyModel.examples, [tf.TensorSpec([None], tf.string, "examples")]),
    "judge": (TinyModel.judge, [tf.TensorSpec([None], tf.string, "inputs")]),
    "rate": (TinyModel.rate, [tf.TensorSpec([None], tf.string, "inputs")]),
    "which_version": (TinyModel.which_version, [TEXT]),
    "arithmetic": (
        TinyModel.arithmetic,
        [tf.TensorSpec([None, 2], tf.float32, "a"), tf.TensorSpec([None], tf.int32, "b")],
    ),
    "as_bytes": (TinyModel.as_bytes, [TEXT]),
    "total": (TinyModel.total, [tf.TensorSpec([None], tf.float32, "values")]),
    "not_empty": (TinyModel.not_empty, [TEXT]),
    "slow": (TinyModel.slow, [tf.TensorSpec([None], tf.int32, "rounds")]),
}


def export(folder: Path, version: int) -> None:
    """Write the model of a version."""
    model = TinyModel(version)
    signatures = {
        name: tf.function(partial(method, model)).get_concrete_function(*inputs)
        for name, (method, inputs) in SIGNATURES.items()
    }
    tf.saved_model.save(model, str(folder), signatures=signatures)
    # The only way to another method name than predict's; meant for TensorFlow Serving.
    updater = tf.compat.v1.saved_model.signature_def_utils.MethodNameUpdater(str(folder))
    updater.replace_method_name("judge", "tensorflow/serving/classify")
    updater.replace_method_name("rate", "tensorflow/serving/regress")
    updater.save()
