"""`python -m tests.tfx_modules.serving.word_models FOLDER [FLAG ...]`: serves small models whose answers follow words.

Each has the signature ``classify`` of the pipeline's models. Two versions of ``bert_sentiment`` are served, which judge
``good`` otherwise, and one of ``tickets``, with labels of its own. The flags are the server's.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf

OLDER, NEWER = 2026110301, 2026110401
SENTIMENT = ("negative", "positive")
TICKETS = ("billing", "fault", "<i>other</i>")
CONFIG = """
model_config_list {{
  config {{
    name: "bert_sentiment" base_path: "{folder}/bert_sentiment" model_platform: "tensorflow"
    model_version_policy {{ all {{}} }} version_labels {{ key: "stable" value: {older} }}
  }}
  config {{ name: "tickets" base_path: "{folder}/tickets" model_platform: "tensorflow" }}
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
        text = tf.strings.lower(tf.io.parse_example(inputs, spec)["review"], encoding="utf-8")
        words = tf.strings.split(tf.strings.regex_replace(text, "[^a-z]+", " ")).to_tensor("")
        counts = tf.reduce_sum(tf.cast(words[:, :, tf.newaxis] == tf.constant(self._words), tf.float32), axis=1)
        scores = tf.nn.softmax(tf.linalg.matmul(counts, tf.constant(self._weights)))
        return {"classes": tf.tile(tf.constant([self._labels]), [tf.shape(scores)[0], 1]), "scores": scores}


def export(folder: Path, model: WordModel) -> None:
    signature = tf.function(model.classify, input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
    tf.saved_model.save(model, str(folder), signatures={"classify": signature.get_concrete_function()})
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
    written = folder / "models.config"
    written.write_text(CONFIG.format(folder=folder.absolute(), older=OLDER))
    return written


if __name__ == "__main__":
    config = export_all(Path(sys.argv[1]))
    # A process anew: the server sets TensorFlow's threads, which it can only do before anything was computed.
    server = [sys.executable, "-W", "ignore", "-m", "tfx_modules.serving", f"--model_config_file={config}"]
    os.execv(sys.executable, [*server, *sys.argv[2:]])  # noqa: S606
