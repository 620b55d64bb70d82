"""A real Transform graph and a tiny classifier, made once."""

import functools
from pathlib import Path

import apache_beam as beam
import keras
import keras_hub
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform import beam as tft_beam

from tfx_modules.beam.runner import pipeline_of
from tfx_modules.data import features
from tfx_modules.engines.openvino_library import openvino
from tfx_modules.model import bert_classifier
from tfx_modules.model.preprocessing import preprocessing_fn
from tfx_modules.settings.settings import EncoderSettings

openvino()  # before a test imports it: without its telemetry, and without AMX

TOKENS = 32


@pytest.fixture(scope="session")
def encoder_config() -> EncoderSettings:
    """The project's vocabulary, with short inputs."""
    return EncoderSettings(max_tokens=TOKENS)


@pytest.fixture(scope="session")
def transform(tmp_path_factory: pytest.TempPathFactory, encoder_config: EncoderSettings) -> tft.TFTransformOutput:
    """What the Transform component hands on."""
    folder = tmp_path_factory.mktemp("transform")
    kinds = {features.REVIEW: tf.io.VarLenFeature(tf.string), features.LABEL: tf.io.VarLenFeature(tf.int64)}
    rows = [{features.REVIEW: [b"A fine film."], features.LABEL: [1]}]
    function = functools.partial(preprocessing_fn, custom_config={"encoder": encoder_config.to_config()})
    with pipeline_of(()) as pipeline, tft_beam.Context(temp_dir=str(folder / "work")):
        data = pipeline | beam.Create(rows), tft.DatasetMetadata.from_feature_spec(kinds)
        analysed = data | tft_beam.AnalyzeDataset(function)
        analysed | tft_beam.WriteTransformFn(str(folder / "graph"))
    return tft.TFTransformOutput(str(folder / "graph"))


def small_classifier(
    dropout: float, encoder_dropout: float = 0.1, outputs: int = 1, heads: int = 2, layers: int = 1
) -> bert_classifier.SentimentClassifier:
    """Make a classifier with heads of 8 values, with the same random weights each time."""
    keras.utils.set_random_seed(5)
    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=30522,
        num_layers=layers,
        num_heads=heads,
        hidden_dim=8 * heads,
        intermediate_dim=16,
        max_sequence_length=TOKENS,
        dropout=encoder_dropout,
    )
    return bert_classifier.build_classifier(backbone, dropout, outputs)


@pytest.fixture(scope="session")
def classifier() -> bert_classifier.SentimentClassifier:
    """One layer with random weights."""
    return small_classifier(dropout=0.5)


@pytest.fixture(scope="session")
def repository() -> Path:
    return Path(__file__).parents[2]
