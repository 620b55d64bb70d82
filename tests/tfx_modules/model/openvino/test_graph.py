"""The OpenVINO model computes what Keras' does, whatever the lengths of the rows."""

import keras
import numpy as np
import numpy.typing as npt
import openvino
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tfx_modules.conftest import small_classifier
from tfx_modules.model.openvino import graph

TOKENS = 32
EXACT = {"INFERENCE_PRECISION_HINT": "f32"}


@pytest.fixture(scope="module")
def encoder(classifier: keras.Model) -> openvino.CompiledModel:
    return openvino.compile_model(graph.build(classifier), "CPU", EXACT)


def ids(lengths: list[int]) -> npt.NDArray[np.int32]:
    draw = np.random.default_rng(5)
    made = draw.integers(1000, 30000, (len(lengths), TOKENS)) * (np.arange(TOKENS) < np.array(lengths)[:, None])
    return made.astype(np.int32)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(2, TOKENS), min_size=1, max_size=9))
def test_it_computes_what_keras_does(
    classifier: keras.Model, encoder: openvino.CompiledModel, lengths: list[int]
) -> None:
    rows = ids(lengths)[:, : max(lengths)]
    expected = classifier(ids(lengths), training=False).numpy()[:, 0]
    np.testing.assert_allclose(encoder(rows)["logits"], expected, atol=1e-5)


def test_it_computes_a_logit_of_each_class() -> None:
    four = small_classifier(dropout=0.5, outputs=4)
    rows = ids([3, 17, 32, 31, 2])
    found = openvino.compile_model(graph.build(four), "CPU", EXACT)(rows)["logits"]
    assert found.shape == (5, 4)
    np.testing.assert_allclose(found, four(rows, training=False), atol=1e-5)
