"""Makes the model that all servers have: the project's encoder, and a head of fixed random weights."""

import csv
import functools
import gzip
from collections.abc import Sequence
from pathlib import Path

import apache_beam as beam
import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform import beam as tft_beam

from tfx_modules.beam.runner import pipeline_of
from tfx_modules.data import features
from tfx_modules.data.review_set import review_set
from tfx_modules.model import bert_classifier, export
from tfx_modules.model.encoder.backbone import load_backbone
from tfx_modules.model.encoder.files import resolve
from tfx_modules.model.ends import Ends
from tfx_modules.model.measuring.rows import of_reviews
from tfx_modules.model.openvino import variants
from tfx_modules.model.openvino.quantization import CALIBRATION_EXAMPLES
from tfx_modules.model.preprocessing import preprocessing_fn
from tfx_modules.settings.settings import EncoderSettings, Precision

SEED = 20261105
CONFIG = "models.config"


def encoder(tokens: int) -> EncoderSettings:
    """Return the default encoder's settings; texts are cut at their end, as Hugging Face's tokenizer does."""
    return EncoderSettings(max_tokens=tokens, head_tokens=tokens)


def encoder_folder() -> Path:
    """Return the folder of the encoder's Hugging Face files."""
    return resolve(EncoderSettings().source)


def write(folder: Path, lengths: Sequence[int], precision: Precision, reviews: Sequence[str] = ()) -> Path:
    """Export a model for each input length, as the Trainer does.

    Args:
        folder: where to.
        lengths: the greatest numbers of WordPieces.
        precision: of TensorFlow's graph.
        reviews: what INT8 is calibrated with, for OpenVINO; with none, the models carry nothing for it.

    Returns:
        A config file with which a server serves all of them, ``tokens128`` and so on.
    """
    entries = ""
    for tokens in lengths:
        base = folder / f"tokens{tokens}"
        classifier, transform = _classifier(tokens), _transform(folder, tokens)
        export.save(classifier, transform, encoder(tokens), str(base / "1"), lengths=[32, tokens], precision=precision)
        if reviews:
            _write_for_openvino(classifier, Ends(transform), base / "1", reviews)
        entries += f"config {{ name: '{base.name}' base_path: '{base}' model_platform: 'tensorflow' }}\n"
    config = folder / CONFIG
    config.write_text(f"model_config_list {{\n{entries}}}\n")
    return config


def _write_for_openvino(
    classifier: bert_classifier.SentimentClassifier, ends: Ends, version: Path, reviews: Sequence[str]
) -> None:
    """Write INT8: the head is random, so that its accuracy says nothing."""
    some = of_reviews(review_set("reviews", [(text, 1) for text in reviews[:CALIBRATION_EXAMPLES]], ""), ends)
    variants.write(classifier, ends, version, calibration=iter(some.ids), measured=some, max_accuracy_loss=1.0)


def write_head(file: Path) -> None:
    """Write the head's weights for the peers: ``kernel`` [width, 1], ``bias`` [1]."""
    kernel, bias = (variable.numpy() for variable in _classifier(2).get_layer("logit").weights)
    np.savez(file, kernel=kernel, bias=bias)


def read_reviews(file: Path) -> list[str]:
    """Read the column ``review`` of a gzipped CSV file."""
    with gzip.open(file, "rt", encoding="utf-8", newline="") as lines:
        return [row["review"] for row in csv.DictReader(lines)]


def count_tokens(reviews: Sequence[str], most: int) -> list[int]:
    """Count each review's WordPieces, up to ``most``."""
    config = encoder(most).to_config()
    rows = tf.constant([review.encode() for review in reviews])
    sparse = tf.sparse.from_dense(rows[:, tf.newaxis])
    labels = tf.sparse.from_dense(tf.ones([len(reviews), 1], tf.int64))
    made = preprocessing_fn({features.REVIEW: sparse, features.LABEL: labels}, {"encoder": config})
    found: list[int] = tf.math.count_nonzero(made[features.INPUT_IDS], axis=1).numpy().tolist()
    return found


def _classifier(tokens: int) -> bert_classifier.SentimentClassifier:
    backbone = load_backbone(encoder(tokens))
    keras.utils.set_random_seed(SEED)
    return bert_classifier.build_classifier(backbone, 0.1)


def _transform(folder: Path, tokens: int) -> tft.TFTransformOutput:
    kinds = {features.REVIEW: tf.io.VarLenFeature(tf.string), features.LABEL: tf.io.VarLenFeature(tf.int64)}
    function = functools.partial(preprocessing_fn, custom_config={"encoder": encoder(tokens).to_config()})
    out = folder / f"transform{tokens}"
    with pipeline_of(()) as pipeline, tft_beam.Context(temp_dir=str(folder / "work")):
        rows = pipeline | beam.Create([{features.REVIEW: [b"A fine film."], features.LABEL: [1]}])
        analysed = (rows, tft.DatasetMetadata.from_feature_spec(kinds)) | tft_beam.AnalyzeDataset(function)
        analysed | tft_beam.WriteTransformFn(str(out))
    return tft.TFTransformOutput(str(out))
