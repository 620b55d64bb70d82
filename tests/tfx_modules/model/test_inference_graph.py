"""The graph for inference computes what Keras' graph does, without most of its padding."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tfx_modules.conftest import small_classifier
from tfx_modules.model.inference_graph import LENGTH_STEP, MOST_TOKENS, PASS_TOKENS, BertGraph, rows_of_pass

TOKENS = 32
CLOSE = {tf.float32: 1e-5, tf.bfloat16: 0.05}
"""What the logits, of about 1, may differ by."""


@pytest.fixture(scope="module", params=CLOSE, ids=lambda dtype: dtype.name)
def dtype(request: pytest.FixtureRequest) -> tf.DType:
    return request.param


@pytest.fixture(scope="module")
def graph(classifier: keras.Model, dtype: tf.DType) -> BertGraph:
    return BertGraph(classifier, dtype)


def ids(*lengths: int, tokens: int = TOKENS) -> tf.Tensor:
    draw = np.random.default_rng(5)
    made = draw.integers(1000, 30000, (len(lengths), tokens)) * (np.arange(tokens) < np.array(lengths)[:, None])
    return tf.constant(made, tf.int32)


@pytest.mark.parametrize("lengths", [(2,), (32,), (3, 17, 32, 31), tuple(range(2, 33))])
def test_it_computes_what_keras_does(
    classifier: keras.Model, graph: BertGraph, dtype: tf.DType, lengths: tuple[int, ...]
) -> None:
    expected = classifier(ids(*lengths), training=False).numpy()[:, 0]
    assert np.ptp(expected) > 0.01 or len(lengths) == 1
    np.testing.assert_allclose(graph.logits(ids(*lengths)), expected, atol=CLOSE[dtype])


def test_it_computes_a_logit_of_each_class(dtype: tf.DType) -> None:
    four = small_classifier(dropout=0.5, outputs=4)
    lengths = (3, 17, 32, 31, 2)
    found = BertGraph(four, dtype).logits(ids(*lengths))
    assert found.shape == (5, 4)
    np.testing.assert_allclose(found, four(ids(*lengths), training=False), atol=CLOSE[dtype])
    assert BertGraph(four, dtype).logits(ids()).shape == (0, 4)


@pytest.mark.parametrize("heads", [1, 3])
def test_heads_that_make_no_halves_of_one_size_are_all_computed(dtype: tf.DType, heads: int) -> None:
    classifier = small_classifier(dropout=0.5, heads=heads)
    found = BertGraph(classifier, dtype).logits(ids(3, 17, 32))
    np.testing.assert_allclose(found, classifier(ids(3, 17, 32), training=False)[:, 0], atol=CLOSE[dtype])


def test_in_float32_a_layer_is_two_halves_that_two_threads_can_compute_at_once(dtype: tf.DType) -> None:
    """Of two products with the same input, or for the same sum, neither waits for the other."""
    graph = BertGraph(small_classifier(dropout=0.5, layers=2), dtype)
    traced = tf.function(graph.logits).get_concrete_function(tf.TensorSpec([None, TOKENS], tf.int32))
    library = traced.graph.as_graph_def().library.function
    (one_pass,) = (function for function in library if any(node.op == "Softmax" for node in function.node_def))
    inputs = {node.name: [name.lstrip("^").split(":")[0] for name in node.input] for node in one_pass.node_def}
    of_one_input: dict[str, list[str]] = {}
    for node in one_pass.node_def:
        if node.op == "MatMul":
            of_one_input.setdefault(node.input[0], []).append(node.name)
    halves = [names for names in of_one_input.values() if len(names) > 1]
    sums = [inputs[node.name][1:] for node in one_pass.node_def if node.op == "AddN"]
    # In the first layer what attention needs and the inner values; in the last one the query is of other tokens.
    assert [len(names) for names in halves] == ([2] * 5 if dtype == tf.float32 else [])
    assert [len(names) for names in sums] == ([2] * 4 if dtype == tf.float32 else [])
    for first, second in halves + sums:
        assert first not in _before(second, inputs)
        assert second not in _before(first, inputs)


def _before(node: str, inputs: dict[str, list[str]]) -> set[str]:
    """Return the nodes that this one waits for."""
    found: set[str] = set()
    left = [node]
    while left:
        new = set(inputs.get(left.pop(), ())) - found
        found |= new
        left.extend(new)
    return found


def test_rows_keep_their_order_whatever_their_lengths(graph: BertGraph, dtype: tf.DType) -> None:
    rows = ids(2, 32, 5, 32, 9)
    alone = [graph.logits(rows[n : n + 1]).numpy()[0] for n in range(5)]
    np.testing.assert_allclose(graph.logits(rows), alone, atol=CLOSE[dtype])


def test_no_rows_give_no_logits(graph: BertGraph) -> None:
    assert graph.logits(ids()).shape == (0,)


def test_a_row_of_nothing_but_padding_has_a_logit(graph: BertGraph) -> None:
    assert np.isfinite(graph.logits(ids(0, 4))).all()


def test_the_number_of_columns_changes_nothing(graph: BertGraph, dtype: tf.DType) -> None:
    wide, narrow = ids(7, 12), ids(7, 12)[:, :12]
    np.testing.assert_allclose(graph.logits(wide), graph.logits(narrow), atol=CLOSE[dtype])


@settings(max_examples=60)
@given(st.lists(st.integers(0, 512), min_size=1, max_size=60))
def test_a_pass_has_rows_of_like_length_and_always_one(lengths: list[int]) -> None:
    falling = sorted(lengths, reverse=True)
    count = int(rows_of_pass(tf.constant(falling)))
    assert 1 <= count <= len(falling)
    tokens = count * max(1, falling[0])
    assert count == 1 or (tokens - sum(falling[:count]) <= PASS_TOKENS and tokens <= MOST_TOKENS)


def test_texts_of_one_length_share_a_pass() -> None:
    assert int(rows_of_pass(tf.fill([MOST_TOKENS // 128 + 5], 128))) == MOST_TOKENS // 128
    assert int(rows_of_pass(tf.constant([300, 20]))) == 1
    assert LENGTH_STEP <= PASS_TOKENS
