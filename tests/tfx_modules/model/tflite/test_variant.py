"""What a version carries for TFLite: a model, its tokenizer, what was measured, and an example that uses them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow_transform as tft

from tests.tfx_modules.conftest import small_classifier
from tfx_modules.common import carried
from tfx_modules.data.review_set import review_set
from tfx_modules.model import export
from tfx_modules.model.ends import Ends
from tfx_modules.model.measuring.rows import Measured, of_reviews
from tfx_modules.model.tflite import variant
from tfx_modules.model.tflite.score import LiteScorer
from tfx_modules.model.tflite.variant import Written
from tfx_modules.serving.models.model import load_model
from tfx_modules.serving.specs import PredictCall, bytes_array
from tfx_modules.settings.settings import EncoderSettings, Precision
from tfx_modules.settings.task import BINARY_SENTIMENT

# TensorFlow announces that its interpreter will be a package of its own.
pytestmark = pytest.mark.filterwarnings(r"ignore:\s*Warning. tf.lite.Interpreter is deprecated")

TEXTS = (
    "A fine film.",
    "Dull, and far too long!",
    "",
    "été 电影 😀 <br /> [SEP]",
    "One " + "very " * 60 + "long review with an end.",
)


def measured(transform: tft.TFTransformOutput) -> Measured:
    """The texts, of which any model has some right."""
    return of_reviews(review_set("some-v1", [(text, 0) for text in TEXTS], ""), Ends(transform))


def written(classifier: keras.Model, transform: tft.TFTransformOutput, version: Path, loss: float) -> Written:
    return variant.write(
        classifier,
        version,
        encoder=EncoderSettings(max_tokens=32),
        task=BINARY_SENTIMENT,
        precision=Precision.FLOAT32,
        measured=measured(transform),
        max_accuracy_loss=loss,
    )


@pytest.fixture(scope="module")
def made(transform: tft.TFTransformOutput, tmp_path_factory: pytest.TempPathFactory) -> tuple[Written, Path]:
    version = tmp_path_factory.mktemp("version") / "1"
    classifier = small_classifier(dropout=0.1)
    head = classifier.get_layer("logit")
    head.kernel.assign(20 * head.kernel)
    logits = np.sort([float(classifier(ids[np.newaxis], training=False)[0, 0]) for ids in measured(transform).ids])
    widest = int(np.argmax(np.diff(logits)))
    head.bias.assign([-logits[widest : widest + 2].mean()])  # so that texts have different answers
    export.save(classifier, transform, EncoderSettings(max_tokens=32), str(version), lengths=[32])
    return written(classifier, transform, version, 1.0), version


def served(version: Path) -> list[dict[str, Any]]:
    """What the model server answers to each text."""
    texts = bytes_array([text.encode() for text in TEXTS], (len(TEXTS),))
    found = load_model(version).predict(PredictCall("serving_default", {"text": texts}))
    rows = zip(found["label"], found["score"], strict=True)
    return [{"label": label.decode(), "score": float(score)} for label, score in rows]


def test_the_example_answers_as_the_version_is_served(made: tuple[Written, Path], tmp_path: Path) -> None:
    """It runs by itself, with the files beside it and nothing of this project."""
    found, version = made
    (version / carried.PLACES[carried.TFLITE]).rename(tmp_path / "phone")
    try:
        done = subprocess.run(
            [sys.executable, "score.py", *TEXTS],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path / "phone",
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            timeout=120,
        )
    finally:
        (tmp_path / "phone").rename(version / carried.PLACES[carried.TFLITE])
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    near = found.measures.score_difference + 1e-6
    for ours, theirs in zip(answers, served(version), strict=True):
        assert ours == {"label": theirs["label"], "score": pytest.approx(theirs["score"], abs=near)}
    assert {answer["label"] for answer in answers} == {"negative", "positive"}


def test_it_is_measured_beside_the_saved_model(made: tuple[Written, Path]) -> None:
    found, version = made
    measures = found.measures
    assert (measures.precision, measures.measured_on, measures.n) == ("int8", "some-v1", len(TEXTS))
    assert measures.accuracy == found.accuracies["int8"]
    assert 0 < measures.score_difference < 0.1
    assert measures.latency_ms > 0
    assert measures.savedmodel_latency_ms > 0
    model = version / carried.PLACES[carried.TFLITE] / variant.MODEL
    assert measures.bytes == model.stat().st_size
    assert measures.savedmodel_bytes > 3 * measures.bytes, "matrices and words' vectors have a quarter of the bytes"
    graph = sum(path.stat().st_size for path in (version / "variables").iterdir())
    assert graph < measures.savedmodel_bytes < graph + (version / "saved_model.pb").stat().st_size + 1000


def test_its_description_has_what_an_app_needs(made: tuple[Written, Path], transform: tft.TFTransformOutput) -> None:
    found, version = made
    folder = version / carried.PLACES[carried.TFLITE]
    assert {path.name for path in folder.iterdir()} == {"model.tflite", "model.json", "vocab.txt", "score.py"}
    described = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    assert described["task"] == {"kind": "binary", "labels": ["negative", "positive"]}
    assert described["measured"]["score_difference"] == found.measures.score_difference
    scorer = LiteScorer(folder)
    expected = Ends(transform).token_ids(np.array([text.encode() for text in TEXTS])).numpy()
    for text, ids in zip(TEXTS, expected, strict=True):
        assert scorer.ids(text) == [number for number in ids if number]
    assert len(scorer.ids(TEXTS[-1])) == 32, "it is cut"


def test_where_int8_loses_more_than_is_allowed_float32_is_written(
    classifier: keras.Model, transform: tft.TFTransformOutput, tmp_path: Path
) -> None:
    found = written(classifier, transform, tmp_path / "1", -1.0)
    assert found.measures.precision == "float32"
    assert set(found.accuracies) == {"int8", "float32"}
    assert found.measures.score_difference < 1e-5
    described = json.loads((tmp_path / "1" / carried.PLACES[carried.TFLITE] / "model.json").read_text())
    assert described["precision"] == "float32"
