"""`python -m tests.tfx_modules.serving.word_models FOLDER [FLAG ...]`: serves small models whose answers follow words.

Each has the signature ``classify`` of the pipeline's models. Two versions of ``bert_sentiment`` are served, which judge
``good`` otherwise, one of ``tickets``, with labels of its own, and one of ``topics``, of which a text has any number.
The flags are the server's.
"""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

OLDER, NEWER = 2026110301, 2026110401
SENTIMENT = ("negative", "positive")
TICKETS = ("billing", "fault", "<i>other</i>")
TOPIC_THRESHOLD = 0.3
CONFIG = """
model_config_list {{
  config {{
    name: "bert_sentiment" base_path: "{folder}/bert_sentiment" model_platform: "tensorflow"
    model_version_policy {{ all {{}} }} version_labels {{ key: "stable" value: {older} }}
  }}
  config {{ name: "tickets" base_path: "{folder}/tickets" model_platform: "tensorflow" }}
  config {{ name: "topics" base_path: "{folder}/topics" model_platform: "tensorflow" }}
}}
"""


class WordModel(tf.Module):  # type: ignore[misc]
    """Adds a word's weights to the logits of the labels, each time that the word is there."""

    def __init__(self, labels: tuple[str, ...], weights: Mapping[str, tuple[float, ...]]) -> None:
        super().__init__()
        self._labels = labels
        self._words = list(weights)
        self._weights = [weights[word] for word in self._words]

    def classify(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        spec = {"review": tf.io.FixedLenFeature([], tf.string, default_value="")}
        scores = self._scores(self._logits(tf.io.parse_example(inputs, spec)["review"]))
        return {"classes": self._all_labels(scores), "scores": scores}

    def signatures(self) -> dict[str, Any]:
        return {"classify": _traced(self.classify, "inputs")}

    def _scores(self, logits: tf.Tensor) -> tf.Tensor:
        return tf.nn.softmax(logits)

    def _logits(self, text: tf.Tensor) -> tf.Tensor:
        text = tf.strings.lower(text, encoding="utf-8")
        words = tf.strings.split(tf.strings.regex_replace(text, "[^a-z]+", " ")).to_tensor("")
        counts = tf.reduce_sum(tf.cast(words[:, :, tf.newaxis] == tf.constant(self._words), tf.float32), axis=1)
        return tf.linalg.matmul(counts, tf.constant(self._weights))

    def _all_labels(self, scores: tf.Tensor) -> tf.Tensor:
        return tf.tile(tf.constant([self._labels]), [tf.shape(scores)[0], 1])


class SetsOfWords(WordModel):
    """Gives a text every label whose probability is the threshold or more, and says which."""

    def predict(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        scores = self._scores(self._logits(text))
        return {"labels": self._all_labels(scores), "scores": scores, "chosen": scores >= TOPIC_THRESHOLD}

    def signatures(self) -> dict[str, Any]:
        return {**super().signatures(), "serving_default": _traced(self.predict, "text")}

    def _scores(self, logits: tf.Tensor) -> tf.Tensor:
        return tf.sigmoid(logits - 2.0)


def _traced(function: Callable[[tf.Tensor], dict[str, tf.Tensor]], name: str) -> Any:
    return tf.function(function, input_signature=[tf.TensorSpec([None], tf.string, name)]).get_concrete_function()


def export(folder: Path, model: WordModel) -> None:
    tf.saved_model.save(model, str(folder), signatures=model.signatures())
    updater = tf.compat.v1.saved_model.signature_def_utils.MethodNameUpdater(str(folder))
    updater.replace_method_name("classify", "tensorflow/serving/classify")
    updater.save()


def export_all(folder: Path) -> Path:
    """Write the models; return the config file that serves them."""
    words = {"good": (0.0, 2.0), "fine": (0.0, 1.0), "awful": (3.0, 0.0)}
    export(folder / "bert_sentiment" / str(NEWER), WordModel(SENTIMENT, words))
    export(folder / "bert_sentiment" / str(OLDER), WordModel(SENTIMENT, {**words, "good": (2.0, 0.0)}))
    tickets = {"invoice": (3.0, 0.0, 0.0), "broken": (0.0, 3.0, 0.0), "hello": (0.0, 0.0, 1.0)}
    export(folder / "tickets" / "7", WordModel(TICKETS, tickets))
    topics = {"invoice": (1.5, 0.0, 0.0), "broken": (0.0, 4.0, 0.0), "maybe": (0.0, 0.0, 1.0)}
    export(folder / "topics" / "3", SetsOfWords(TICKETS, topics))
    written = folder / "models.config"
    written.write_text(CONFIG.format(folder=folder.absolute(), older=OLDER))
    return written


if __name__ == "__main__":
    config = export_all(Path(sys.argv[1]))
    # A process anew: the server sets TensorFlow's threads, which it can only do before anything was computed.
    server = [sys.executable, "-W", "ignore", "-m", "tfx_modules.serving", f"--model_config_file={config}"]
    os.execv(sys.executable, [*server, *sys.argv[2:]])  # noqa: S606
