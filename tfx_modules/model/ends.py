"""What comes before and after the encoder: from texts or examples to ids, from logits to a signature's outputs."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform.saved import saved_transform_io_v2

from tfx_modules.data import features
from tfx_modules.engines import description
from tfx_modules.settings.task import BINARY_SENTIMENT, TaskSettings

TEXTS = "serving_default"
EXAMPLES = "serving_examples"
CLASSIFY = "classify"
REGRESS = "regress"
SCORE = "score"
LABEL = "label"
SCORES = "scores"
LABELS = "labels"
CHOSEN = "chosen"

Outputs = dict[str, tf.Tensor]


class Ends(tf.Module):  # type: ignore[misc]
    """Transform's graph, and the answers of a task. Not for training.

    Attributes:
        arguments: the name of each signature's input, string [batch].
        task: the labels that it answers.
    """

    def __init__(self, transform: tft.TFTransformOutput, task: TaskSettings = BINARY_SENTIMENT) -> None:
        super().__init__()
        self.task = task
        self._labels = task.classes
        self._is_binary = task.outputs == 1
        self._has_sets = task.has_sets
        self._classes = [] if self._is_binary else [task.outputs]
        self._transform = saved_transform_io_v2.SavedModelLoader(transform.transform_savedmodel_dir)
        self.arguments = {TEXTS: "text", EXAMPLES: "examples", CLASSIFY: "inputs"}
        if self._is_binary:
            self.arguments[REGRESS] = "inputs"

    def texts(self, signature: str, given: tf.Tensor) -> tf.Tensor:
        """Return the reviews of a signature's input: texts, or serialised tf.Examples; a missing review is empty."""
        if signature == TEXTS:
            return given
        spec = {features.REVIEW: tf.io.FixedLenFeature([], tf.string, default_value="")}
        return tf.io.parse_example(given, spec)[features.REVIEW]

    def token_ids(self, texts: tf.Tensor) -> tf.Tensor:
        """Tokenise with the Transform graph: string [batch] to int64 [batch, max_tokens]."""
        rows = tf.shape(texts, out_type=tf.int64)[0]
        where = tf.stack([tf.range(rows), tf.zeros([rows], tf.int64)], axis=1)
        raw: dict[str, Any] = {
            features.REVIEW: tf.SparseTensor(where, texts, tf.stack([rows, tf.constant(1, tf.int64)]))
        }
        return self._transform.apply_transform_model(raw)[features.INPUT_IDS]

    def outputs(self, signature: str, logits: tf.Tensor) -> Outputs:
        """Return a signature's outputs, from float32 [batch] or [batch, classes]."""
        found = self._judge(logits)
        if signature == REGRESS and not self._has_sets:  # the function is saved then, too, and no signature is
            return {"outputs": found[SCORE]}
        if signature != CLASSIFY:
            return found
        if not self._is_binary:
            return {"classes": found[LABELS], "scores": found[SCORES]}
        score = found[SCORE]
        classes = [tf.fill(tf.shape(score), label) for label in self._labels]
        return {"classes": tf.stack(classes, axis=1), "scores": tf.stack([1.0 - score, score], axis=1)}

    def save(self, folder: str) -> None:
        """Write a SavedModel with the two ends of each signature, as ``engines/description.py`` has it."""
        signatures = {}
        for name, argument in self.arguments.items():
            given = tf.TensorSpec([None], tf.string, name=argument)
            logits = tf.TensorSpec([None, *self._classes], tf.float32, name="logits")
            signatures[f"{name}/{description.IDS}"] = _traced(self._ids_of(name), given)
            signatures[f"{name}/{description.OUTPUTS}"] = _traced(self._outputs_of(name), logits)
        tf.saved_model.save(self, folder, signatures=signatures)

    def _ids_of(self, signature: str) -> Callable[[tf.Tensor], Outputs]:
        return lambda given: {"ids": tf.cast(self.token_ids(self.texts(signature, given)), tf.int32)}

    def _outputs_of(self, signature: str) -> Callable[[tf.Tensor], Outputs]:
        return lambda logits: self.outputs(signature, logits)

    def _judge(self, logits: tf.Tensor) -> Outputs:
        if self._has_sets:
            scores = tf.sigmoid(logits)
            return {LABELS: self._all_labels(scores), SCORES: scores, CHOSEN: scores >= self.task.threshold}
        if not self._is_binary:
            return self._choose(tf.nn.softmax(logits))
        scores = tf.sigmoid(logits)
        labels = tf.gather(tf.constant(self._labels), tf.cast(scores >= 0.5, tf.int32))
        return {SCORE: scores, LABEL: labels}

    def _choose(self, scores: tf.Tensor) -> Outputs:
        """Return the most probable label, and all: from float32 [batch, classes]."""
        return {
            LABEL: tf.gather(tf.constant(self._labels), tf.argmax(scores, axis=1)),
            SCORE: tf.reduce_max(scores, axis=1),
            LABELS: self._all_labels(scores),
            SCORES: scores,
        }

    def _all_labels(self, scores: tf.Tensor) -> tf.Tensor:
        """Return all labels for each text, string [batch, classes], from float32 [batch, classes]."""
        return tf.tile(tf.constant(self._labels)[tf.newaxis], [tf.shape(scores)[0], 1])


def _traced(function: Callable[[tf.Tensor], Outputs], spec: tf.TensorSpec) -> Any:
    return tf.function(function, input_signature=[spec]).get_concrete_function()
