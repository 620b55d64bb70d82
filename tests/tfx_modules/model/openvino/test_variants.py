"""INT8 and bfloat16 are written where they are as right as float32; float32 where INT8 is not. A file says so."""

import logging
from pathlib import Path

import keras
import numpy as np
import openvino
import pytest
import tensorflow as tf
import tensorflow_transform as tft

from tfx_modules.data.review_set import review_set
from tfx_modules.engines import description
from tfx_modules.engines.description import Description
from tfx_modules.engines.openvino_encoder import OpenVinoEncoder
from tfx_modules.engines.openvino_library import unusable
from tfx_modules.model.ends import Ends
from tfx_modules.model.measuring import rows
from tfx_modules.model.measuring.rows import Measured, of_reviews, of_split
from tfx_modules.model.openvino import variants
from tfx_modules.settings.task import BINARY_SENTIMENT

ROWS = 64
RANDOM = np.random.default_rng(7)
IDS = tuple(RANDOM.integers(1000, 30000, RANDOM.integers(2, 32)).astype(np.int32) for _ in range(ROWS))


@pytest.fixture(scope="module")
def ends(transform: tft.TFTransformOutput) -> Ends:
    return Ends(transform)


@pytest.fixture(scope="module")
def right(classifier: keras.Model) -> Measured:
    """Rows that float32 answers as their labels say, but for those nearest to the border between the two labels."""
    rows = tf.keras.utils.pad_sequences(IDS, 32, padding="post")
    logits = classifier(rows, training=False).numpy()[:, 0]
    return Measured("some-v1", IDS, (logits >= 0).astype(np.int64))


# This processor may compute in it or not; what is written goes by that.
HAS_BFLOAT16 = not unusable("bfloat16")
OF_BFLOAT16 = ["bfloat16"] if HAS_BFLOAT16 else []


def written(classifier: keras.Model, ends: Ends, version: Path, measured: Measured, loss: float) -> Description:
    made = variants.write(classifier, ends, version, calibration=iter(IDS), measured=measured, max_accuracy_loss=loss)
    for variant in made.description.variants:
        assert made.accuracies[variant.precision] == variant.accuracy
        assert made.accuracies["float32"] - variant.accuracy == variant.accuracy_loss
    assert set(made.accuracies) == {"float32", "int8", *OF_BFLOAT16}, "those that were not taken are told, too"
    assert ("bfloat16 was not measured: this processor does not" in made.reason) is not HAS_BFLOAT16
    return made.description


def files_of(version: Path, *precisions: str) -> bool:
    found = {path.name for path in (version / description.PLACE).iterdir()}
    return found == {"engine.json", "ends", *(f"{each}.{kind}" for each in precisions for kind in ("xml", "bin"))}


def test_precisions_that_are_as_right_are_written(
    classifier: keras.Model, ends: Ends, right: Measured, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        made = written(classifier, ends, tmp_path, right, 1.0)
    assert [variant.precision for variant in made.variants] == ["int8", *OF_BFLOAT16]
    for variant in made.variants:
        assert variant.accuracy == pytest.approx(1 - variant.accuracy_loss)
    assert made.measured_on == "some-v1"
    assert openvino.get_version().startswith(made.openvino)
    assert description.read(tmp_path) == made
    assert files_of(tmp_path, "int8", *OF_BFLOAT16)
    assert f"exported in {' and '.join(['int8', *OF_BFLOAT16])}: accuracy on 64 of some-v1" in caplog.text


def test_where_they_lose_more_than_is_allowed_float32_is_written(
    classifier: keras.Model, ends: Ends, right: Measured, tmp_path: Path
) -> None:
    made = written(classifier, ends, tmp_path, right, -1.0)
    assert [variant.precision for variant in made.variants] == ["float32"]
    assert made.variants[0].accuracy_loss == 0.0
    encoder = OpenVinoEncoder(tmp_path / description.PLACE / "float32.xml")
    assert files_of(tmp_path, "float32")
    rows = tf.keras.utils.pad_sequences(IDS, 32, padding="post")
    np.testing.assert_allclose(encoder.logits(rows), classifier(rows, training=False)[:, 0], atol=1e-5)


def test_where_int8_cannot_be_computed_float32_is_written_and_the_reason_told(
    classifier: keras.Model, ends: Ends, right: Measured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(variants, "unusable", lambda precision: "" if precision == "float32" else "it would crash")
    made = variants.write(classifier, ends, tmp_path, calibration=iter(IDS), measured=right, max_accuracy_loss=1.0)
    assert [variant.precision for variant in made.description.variants] == ["float32"]
    assert made.reason.endswith("bfloat16 was not measured: it would crash; int8 was not measured: it would crash")


@pytest.mark.skipif(not HAS_BFLOAT16, reason="this processor does not compute in bfloat16")
def test_bfloat16_answers_nearly_as_float32(
    classifier: keras.Model, ends: Ends, right: Measured, tmp_path: Path
) -> None:
    written(classifier, ends, tmp_path, right, 1.0)
    encoder = OpenVinoEncoder(tmp_path / description.PLACE / "bfloat16.xml", precision="bfloat16")
    rows = tf.keras.utils.pad_sequences(IDS, 32, padding="post")
    exact = classifier(rows, training=False)[:, 0]
    found = encoder.logits(rows)
    np.testing.assert_allclose(found, exact, atol=0.05)
    assert np.abs(found - exact).max() > 1e-5, "it is not float32 by another name"


def test_reviews_are_measured_by_their_own_tokens(ends: Ends) -> None:
    found = of_reviews(review_set("two", [("A fine film.", 1), ("", 0)], "0" * 64), ends)
    assert found.name == "two"
    assert list(found.labels) == [1, 0]
    assert [len(ids) for ids in found.ids] == [6, 2]
    expected = ends.token_ids(tf.constant(["A fine film."])).numpy()[0]
    assert list(found.ids[0]) == [number for number in expected if number]


def test_of_many_reviews_those_of_each_label_are_measured(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MOST_MEASURED", 20)
    many = review_set("sorted", [(f"Film {number}.", int(number >= 30)) for number in range(60)], "0" * 64)
    found = of_reviews(many, ends)
    assert len(found.ids) == len(found.labels) == 20
    assert set(found.labels.tolist()) == {0, 1}
    again = of_reviews(many, ends)
    assert all(np.array_equal(one, other) for one, other in zip(found.ids, again.ids, strict=True))


def test_without_a_holdout_the_eval_split_is_measured() -> None:
    examples = tf.data.Dataset.from_generator(
        lambda: zip(IDS, [0.0, 1.0] * (ROWS // 2), strict=True),
        output_signature=(tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.float32)),
    )
    found = of_split("the eval split", examples, BINARY_SENTIMENT)
    assert found.name == "the eval split"
    assert len(found.ids) == ROWS
    assert list(found.labels[:2]) == [0, 1]


def test_the_ends_of_every_signature_join_to_what_it_answers(
    classifier: keras.Model, ends: Ends, right: Measured, tmp_path: Path
) -> None:
    written(classifier, ends, tmp_path, right, 1.0)
    loaded = tf.saved_model.load(tmp_path / description.PLACE / description.ENDS)
    assert set(loaded.signatures) == {
        f"{name}/{end}"
        for name in ("serving_default", "serving_examples", "classify", "regress")
        for end in ("ids", "outputs")
    }
    ids = loaded.signatures["serving_default/ids"](text=tf.constant(["A fine film.", ""]))["ids"]
    assert ids.shape == (2, 32)
    outputs = loaded.signatures["serving_default/outputs"](logits=tf.constant([3.0, -3.0]))
    assert list(outputs["label"].numpy()) == [b"positive", b"negative"]
