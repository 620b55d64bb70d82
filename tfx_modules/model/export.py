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

Of a multilabel task:

``serving_default``, ``serving_examples``
    The same inputs -> ``labels`` string [batch, classes], all labels; ``scores`` float32 [batch, classes], the
    probability that the text has each; ``chosen`` bool [batch, classes], whether it is ``task.threshold`` or more.
``classify``
    As of a multiclass task. There is no ``regress``.

Beside them are requests of each length for the server to warm up with (``warmup.py``), and the task, where it is
another than the default's (``settings/task.py``).
"""

from collections.abc import Mapping, Sequence

import keras
import tensorflow as tf
import tensorflow_transform as tft

from tfx_modules.exceptions import SettingsError
from tfx_modules.model import warmup_requests
from tfx_modules.model.ends import (
    CLASSIFY,
    EXAMPLES,
    LABEL,
    LABELS,
    REGRESS,
    SCORE,
    SCORES,
    TEXTS,
    Ends,
    Outputs,
)
from tfx_modules.model.inference_graph import BertGraph
from tfx_modules.settings.settings import EncoderSettings, Precision
from tfx_modules.settings.task import BINARY_SENTIMENT, PLACE, TaskSettings, to_json

__all__ = ["CLASSIFY", "EXAMPLES", "LABEL", "LABELS", "REGRESS", "SCORE", "SCORES", "TEXTS"]


def probabilities_of(task: TaskSettings) -> str:
    """Return the output that tells a model's answer from: of a binary task ``score``, else ``scores``."""
    return SCORE if task.outputs == 1 else SCORES


class ServableSentiment(tf.Module):  # type: ignore[misc]
    """Transform graph and classifier as one callable; not for training.

    Attributes:
        ends: what comes before and after the encoder.
    """

    def __init__(
        self,
        classifier: keras.Model,
        transform: tft.TFTransformOutput,
        precision: Precision = Precision.FLOAT32,
        task: TaskSettings = BINARY_SENTIMENT,
    ) -> None:
        super().__init__()
        self.ends = Ends(transform, task)
        self._graph = BertGraph(classifier, tf.as_dtype(precision.value))
        self._words = self._graph.words  # saved with this module

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])  # type: ignore[untyped-decorator]
    def serve_texts(self, text: tf.Tensor) -> Outputs:
        """Score reviews given as strings."""
        return self._answer(TEXTS, text)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])  # type: ignore[untyped-decorator]
    def serve_examples(self, examples: tf.Tensor) -> Outputs:
        """Score reviews given as serialised tf.Examples; a missing review counts as empty."""
        return self._answer(EXAMPLES, examples)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])  # type: ignore[untyped-decorator]
    def classify_examples(self, inputs: tf.Tensor) -> Outputs:
        """Return every label with its probability, for each serialised tf.Example."""
        return self._answer(CLASSIFY, inputs)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])  # type: ignore[untyped-decorator]
    def regress_examples(self, inputs: tf.Tensor) -> Outputs:
        """Return the probability of the positive label, for each serialised tf.Example."""
        return self._answer(REGRESS, inputs)

    def _answer(self, signature: str, given: tf.Tensor) -> Outputs:
        ids = self.ends.token_ids(self.ends.texts(signature, given))
        return self.ends.outputs(signature, self._graph.logits(tf.cast(ids, tf.int32)))


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
    tokens = servable.ends.token_ids(tf.constant([""])).shape[1]
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
    warmup_requests.write(folder, signature=TEXTS, argument="text", lengths=lengths, token_ids=servable.ends.token_ids)
    if not task.is_default:
        with tf.io.gfile.GFile(tf.io.gfile.join(folder, PLACE), "w") as file:
            file.write(to_json(task))


def _name_methods(folder: str, methods: Mapping[str, str]) -> None:
    """Set the method names of the signatures for Classify and Regress; TensorFlow 2 saves all for Predict."""
    updater = tf.compat.v1.saved_model.signature_def_utils.MethodNameUpdater(folder)
    for signature, method in methods.items():
        updater.replace_method_name(signature, method)
    updater.save()
