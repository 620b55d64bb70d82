"""Encoders of Hugging Face's compute what Hugging Face's libraries compute, in every form that this project serves.

``make_checkpoints.py`` has made the folders in ``checkpoints``, and says what is in them.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import openvino
import pytest
import tensorflow as tf

from tfx_modules.data import tokenizer
from tfx_modules.model import bert_classifier
from tfx_modules.model.encoder import checkpoint, files
from tfx_modules.model.encoder.backbone import load_backbone
from tfx_modules.model.inference_graph import BertGraph
from tfx_modules.model.openvino import graph, quantization
from tfx_modules.model.tflite import conversion
from tfx_modules.model.tflite.conversion import LiteModel
from tfx_modules.model.tflite.graph import PADDED
from tfx_modules.settings.settings import EncoderSettings

CHECKPOINTS = Path(os.environ.get("ENCODER_CHECKPOINTS") or Path(__file__).parent / "checkpoints")
TEXTS: list[str] = json.loads((CHECKPOINTS / "texts.json").read_text(encoding="ascii"))
NAMES = ("bert-uncased", "bert-multilingual-cased", "bert-uncased-with-accents", "distilbert", "electra-small")
CLOSE = 1e-3
"""What the logits, of up to 20, may differ by."""
RATE = 0.003
"""The learning rate of the step that ``learned`` is after."""
ROUNDED = {"INFERENCE_PRECISION_HINT": "f32"}
Expected = dict[str, npt.NDArray[Any]]


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def settings(name: str, expected: Expected) -> EncoderSettings:
    """What a user writes, the folder, and what compiling makes of it."""
    tokens = expected["ids"].shape[1]
    return checkpoint.check(EncoderSettings(source=str(CHECKPOINTS / name), max_tokens=tokens, head_tokens=tokens))


@pytest.fixture(scope="module")
def expected(name: str) -> Expected:
    with np.load(CHECKPOINTS / name / "expected.npz") as found:
        return dict(found)


@pytest.fixture(scope="module")
def ids(expected: Expected) -> npt.NDArray[np.int32]:
    """The ids of the texts whose logits are known."""
    found: npt.NDArray[np.int32] = expected["ids"][: len(expected["logits"])].astype(np.int32)
    return found


@pytest.fixture(scope="module")
def classifier(settings: EncoderSettings, expected: Expected) -> bert_classifier.SentimentClassifier:
    """The encoder with the head that the expected logits are of."""
    made = bert_classifier.build_classifier(load_backbone(settings), 0.1, expected["head"].shape[1])
    made.get_layer("logit").kernel.assign(expected["head"])
    return made


def test_the_ids_of_nasty_texts_are_hugging_faces(settings: EncoderSettings, expected: Expected) -> None:
    found = tokenizer.encode(
        tf.constant([text.encode() for text in TEXTS]),
        files.vocab_path(settings),
        settings.normalisation,
        max_tokens=settings.max_tokens,
        head_tokens=settings.head_tokens,
    ).numpy()
    different = [TEXTS[n] for n in np.flatnonzero((found != expected["ids"]).any(axis=1))]
    assert different == []
    assert len(np.unique(found)) > 150, "few of the texts' pieces are unknown"


def test_the_vectors_are_hugging_faces(settings: EncoderSettings, expected: Expected) -> None:
    ids = expected["ids"][: len(expected["hidden"])].astype(np.int32)
    inputs = {"token_ids": ids, "segment_ids": np.zeros_like(ids), "padding_mask": (ids > 0).astype(np.int32)}
    found = np.asarray(load_backbone(settings)(inputs)["sequence_output"])
    used = ids > 0
    np.testing.assert_allclose(found[used], expected["hidden"][used], atol=CLOSE)


def test_the_trained_models_logits_are_hugging_faces(
    classifier: bert_classifier.SentimentClassifier, ids: npt.NDArray[np.int32], expected: Expected
) -> None:
    assert np.ptp(expected["logits"]) > 5
    np.testing.assert_allclose(classifier(ids, training=False), expected["logits"], atol=CLOSE)


@pytest.mark.parametrize("name", ["bert-uncased", "distilbert", "electra-small"], indirect=True)
def test_a_step_of_gradient_descent_is_hugging_faces(settings: EncoderSettings, expected: Expected) -> None:
    learned = expected["learned"]
    ids, classes = expected["ids"][: len(learned)].astype(np.int32), np.arange(len(learned)) % learned.shape[1]
    model = bert_classifier.build_classifier(load_backbone(settings), 0.1, learned.shape[1])
    model.get_layer("logit").kernel.assign(expected["head"])
    with tf.GradientTape() as tape:
        logits = model(ids, training=False)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(classes, logits))
    weights = [one for one in model.trainable_variables if one.path != "logit/bias"]  # Hugging Face's head has none
    for one, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
        one.assign_sub(RATE * tf.convert_to_tensor(gradient))
    assert np.abs(logits - learned).max() > 0.5, "the step is long enough for each gradient to count"
    np.testing.assert_allclose(model(ids, training=False), learned, atol=CLOSE)


def test_the_served_graphs_logits_are_hugging_faces(
    classifier: bert_classifier.SentimentClassifier, ids: npt.NDArray[np.int32], expected: Expected
) -> None:
    served = BertGraph(classifier, tf.float32)
    np.testing.assert_allclose(served.logits(tf.constant(ids)), expected["logits"], atol=CLOSE)


def test_openvinos_logits_are_hugging_faces(
    classifier: bert_classifier.SentimentClassifier, ids: npt.NDArray[np.int32], expected: Expected
) -> None:
    exact = graph.build(classifier)
    found = openvino.compile_model(exact, "CPU", ROUNDED)(ids)["logits"]
    np.testing.assert_allclose(found, expected["logits"], atol=CLOSE)


@pytest.mark.parametrize("name", ["bert-uncased", "electra-small"], indirect=True)
def test_tflites_logits_are_hugging_faces(classifier: bert_classifier.SentimentClassifier, expected: Expected) -> None:
    content = conversion.converted(classifier, expected["ids"].shape[1], int8=False)
    lite, padded = LiteModel(content), LiteModel(content, PADDED)
    for ids, logits in zip(expected["ids"].astype(np.int32), expected["logits"], strict=True):
        np.testing.assert_allclose(lite.logits(ids[np.newaxis, ids > 0]), logits[np.newaxis], atol=CLOSE)
        np.testing.assert_allclose(padded.logits(ids[np.newaxis]), logits[np.newaxis], atol=CLOSE)


def test_what_is_not_in_the_encoder_is_not_trained(name: str, classifier: bert_classifier.SentimentClassifier) -> None:
    trained = {variable.path for variable in classifier.trainable_variables}
    assert ("segment_embedding/embeddings" in trained) == (name != "distilbert")
    assert not any(path.startswith("pooled_dense") for path in trained)
    assert ("embeddings_projection/kernel" in trained) == (name == "electra-small")


@pytest.mark.parametrize("name", ["electra-small"], indirect=True)
def test_an_encoder_with_a_projection_is_quantised(
    classifier: bert_classifier.SentimentClassifier, ids: npt.NDArray[np.int32], expected: Expected
) -> None:
    made = quantization.quantized(graph.build(classifier), (row[row > 0] for row in ids))
    nearly = openvino.compile_model(made, "CPU", ROUNDED)(ids)["logits"]
    assert np.corrcoef(nearly.ravel(), expected["logits"].ravel())[0, 1] > 0.9
