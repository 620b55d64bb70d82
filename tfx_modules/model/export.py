"""Exports the SavedModel, with its tokenizer inside.

Signatures of a binary task (names and forms after TensorFlow Serving's ``signature_defs``):

``serving_default``
    ``text`` string [batch] -> ``score`` float32 [batch], the probability of the task's positive label; ``label`` string
    [batch], one of the task's labels.
``serving_examples``
    ``examples`` string [batch], serialised tf.Examples with the feature ``review`` -> the same.
``classify``
    ``inputs`` string [batch], the same examples -> ``classes`` string [batch, 2], ``scores`` float32 [batch, 2].
``regress``
    ``inputs`` string [batch], the same examples -> ``outputs`` float32 [batch], the probability of the positive label.

Of a multiclass task:

``serving_default``, ``serving_examples``
    The same inputs -> ``label`` string [batch], the most probable one; ``score`` float32 [batch], its probability;
    ``labels`` string [batch, classes] and ``scores`` float32 [batch, classes], all labels with their probabilities.
``classify``
    ``inputs`` -> ``classes`` string [batch, classes], ``scores`` float32 [batch, classes]. There is no ``regress``.

Beside them are requests of each length for the server to warm up with (``warmup.py``), and the task, where it is
another than the default's (``settings/task.py``).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform.saved import saved_transform_io_v2

from tfx_modules.data import features
from tfx_modules.exceptions import SettingsError
from tfx_modules.model import warmup_requests
from tfx_modules.model.inference_graph import BertGraph
from tfx_modules.settings.settings import EncoderSettings, Precision
from tfx_modules.settings.task import BINARY_SENTIMENT, PLACE, TaskSettings, to_json

TEXTS = "serving_default"
EXAMPLES = "serving_examples"
CLASSIFY = "classify"
REGRESS = "regress"
SCORE = "score"
LABEL = "label"
SCORES = "scores"
LABELS = "labels"


def probabilities_of(task: TaskSettings) -> str:
    """Return the output that tells a model's answer from: of a binary task ``score``, else ``scores``."""
    return SCORE if task.outputs == 1 else SCORES


class ServableSentiment(tf.Module):  # type: ignore[misc]
    """Transform graph and classifier as one callable; not for training."""

    def __init__(
        self,
        classifier: keras.Model,
        transform: tft.TFTransformOutput,
        precision: Precision = Precision.FLOAT32,
        task: TaskSettings = BINARY_SENTIMENT,
    ) -> None:
        super().__init__()
        self._labels = task.classes
        self._is_binary = task.outputs == 1
        self._graph = BertGraph(classifier, tf.as_dtype(precision.value))
        self._words = self._graph.words  # saved with this module
        self._transform = saved_transform_io_v2.SavedModelLoader(transform.transform_savedmodel_dir)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])  # type: ignore[untyped-decorator]
    def serve_texts(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """Score reviews given as strings."""
        return self._judge(text)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])  # type: ignore[untyped-decorator]
    def serve_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Score reviews given as serialised tf.Examples; a missing review counts as empty."""
        spec = {features.REVIEW: tf.io.FixedLenFeature([], tf.string, default_value="")}
        return self._judge(tf.io.parse_example(examples, spec)[features.REVIEW])

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])  # type: ignore[untyped-decorator]
    def classify_examples(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return every label with its probability, for each serialised tf.Example."""
        found = self.serve_examples(inputs)
        if not self._is_binary:
            return {"classes": found[LABELS], "scores": found[SCORES]}
        score = found[SCORE]
        classes = [tf.fill(tf.shape(score), label) for label in self._labels]
        return {"classes": tf.stack(classes, axis=1), "scores": tf.stack([1.0 - score, score], axis=1)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])  # type: ignore[untyped-decorator]
    def regress_examples(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return the probability of the positive label, for each serialised tf.Example."""
        return {"outputs": self.serve_examples(inputs)[SCORE]}

    def _judge(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        ids = self.token_ids(texts)
        logits = self._graph.logits(tf.cast(ids, tf.int32))
        if not self._is_binary:
            return self._choose(tf.nn.softmax(logits))
        scores = tf.sigmoid(logits)
        labels = tf.gather(tf.constant(self._labels), tf.cast(scores >= 0.5, tf.int32))
        return {SCORE: scores, LABEL: labels}

    def _choose(self, scores: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return the most probable label, and all: from float32 [batch, classes]."""
        labels = tf.constant(self._labels)
        return {
            LABEL: tf.gather(labels, tf.argmax(scores, axis=1)),
            SCORE: tf.reduce_max(scores, axis=1),
            LABELS: tf.tile(labels[tf.newaxis], [tf.shape(scores)[0], 1]),
            SCORES: scores,
        }

    def token_ids(self, texts: tf.Tensor) -> tf.Tensor:
        """Tokenise with the Transform graph: string [batch] to int64 [batch, max_tokens]."""
        rows = tf.shape(texts, out_type=tf.int64)[0]
        where = tf.stack([tf.range(rows), tf.zeros([rows], tf.int64)], axis=1)
        raw: dict[str, Any] = {
            features.REVIEW: tf.SparseTensor(where, texts, tf.stack([rows, tf.constant(1, tf.int64)]))
        }
        return self._transform.apply_transform_model(raw)[features.INPUT_IDS]


def save(
    classifier: keras.Model,
    transform: tft.TFTransformOutput,
    encoder: EncoderSettings,
    folder: str,
    *,
    lengths: Sequence[int],
    precision: Precision = Precision.FLOAT32,
    task: TaskSettings = BINARY_SENTIMENT,
) -> None:
    """Write the servable.

    Args:
        classifier: from ids to logits, as many as the task has outputs.
        transform: Transform's output, with the tokenizer in its graph.
        encoder: has the greatest input length, which is checked against the graph.
        folder: a version folder in TensorFlow Serving's form is written here.
        lengths: texts of these many WordPieces are what a server warms up with.
        precision: what the model computes in, float32 or bfloat16.
        task: the labels that it answers.

    Raises:
        SettingsError: the graph was made with another input length.
    """
    servable = ServableSentiment(classifier, transform, precision, task)
    tokens = servable.token_ids(tf.constant([""])).shape[1]
    if tokens != encoder.max_tokens:
        msg = (
            f"Transform's graph gives {tokens} tokens; allowed: encoder.max_tokens of the settings, "
            f"{encoder.max_tokens}. Run Transform again."
        )
        raise SettingsError(msg)
    signatures = {
        TEXTS: servable.serve_texts.get_concrete_function(),
        EXAMPLES: servable.serve_examples.get_concrete_function(),
        CLASSIFY: servable.classify_examples.get_concrete_function(),
    }
    methods = {CLASSIFY: tf.saved_model.CLASSIFY_METHOD_NAME}
    if task.outputs == 1:
        signatures[REGRESS] = servable.regress_examples.get_concrete_function()
        methods[REGRESS] = tf.saved_model.REGRESS_METHOD_NAME
    tf.saved_model.save(servable, folder, signatures=signatures)
    _name_methods(folder, methods)
    warmup_requests.write(folder, signature=TEXTS, argument="text", lengths=lengths, token_ids=servable.token_ids)
    if not task.is_default:
        with tf.io.gfile.GFile(tf.io.gfile.join(folder, PLACE), "w") as file:
            file.write(to_json(task))


def _name_methods(folder: str, methods: Mapping[str, str]) -> None:
    """Set the method names of the signatures for Classify and Regress; TensorFlow 2 saves all for Predict."""
    updater = tf.compat.v1.saved_model.signature_def_utils.MethodNameUpdater(folder)
    for signature, method in methods.items():
        updater.replace_method_name(signature, method)
    updater.save()
