"""A signature's run gives what `Session.run` gives, and raises what it raises."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from tensorflow.core.protobuf import meta_graph_pb2

from tfx_modules.serving.models.engines import tensorflow_runs
from tfx_modules.serving.models.engines.signature_run import SignatureRun
from tfx_modules.serving.specs import NO_LIMIT

v1: Any = tf.compat.v1
OPTIONS = v1.RunOptions(timeout_in_ms=60_000)


def session_with_signature() -> tuple[Any, meta_graph_pb2.SignatureDef]:
    """A graph with inputs and outputs of several types and shapes, each of the outputs named against its order."""
    with tf.Graph().as_default() as graph:
        text = v1.placeholder(tf.string, [None], "text")
        pairs = v1.placeholder(tf.float32, [None, 2], "pairs")
        number = tf.strings.to_number(tf.strings.substr(text, 0, 1), tf.int32)
        outputs = {
            "upper": tf.strings.upper(text),
            "number": number,
            "sum": tf.reduce_sum(pairs),
            "first": tf.strings.join(["<", tf.strings.reduce_join(text), ">"]),
            "bfloat": tf.cast(pairs, tf.bfloat16),
            "given": pairs,  # an input
            "again": number,
        }
        session = v1.Session(graph=graph)
    signature = meta_graph_pb2.SignatureDef()
    for infos, tensors in ((signature.inputs, {"text": text, "pairs": pairs}), (signature.outputs, outputs)):
        for name, tensor in tensors.items():
            infos[name].name = tensor.name
    return session, signature


SESSION, SIGNATURE = session_with_signature()
SUM = sorted(SIGNATURE.outputs).index("sum")
run = SignatureRun(SESSION, SIGNATURE)


def by_session(values: Sequence[Any]) -> list[Any]:
    """What `Session.run` gives for the inputs in the order of their names."""
    names = [[infos[name].name for name in sorted(infos)] for infos in (SIGNATURE.inputs, SIGNATURE.outputs)]
    found: list[Any] = SESSION.run(names[1], dict(zip(names[0], values, strict=True)))
    return found


texts = st.lists(st.binary(max_size=4).map(lambda rest: b"7" + rest), max_size=5)
pairs = st.lists(st.lists(st.floats(width=32, allow_nan=False), min_size=2, max_size=2), max_size=3)


@given(text=texts, pair=pairs)
def test_outputs_are_those_of_a_session(text: list[bytes], pair: list[list[float]]) -> None:
    values = [np.array(pair, np.float32).reshape(-1, 2), np.array(text, object)]
    for found, expected in zip(run(values, OPTIONS), by_session(values), strict=True):
        assert type(found) is type(expected)
        np.testing.assert_array_equal(found, expected)
        assert np.asarray(found).dtype == np.asarray(expected).dtype


def test_inputs_become_the_types_of_the_signature() -> None:
    total = run([np.array([[1, 2]]), np.array([b"1"])], OPTIONS)[SUM]  # int64 and bytes
    assert float(total) == 3.0
    assert np.asarray(total).dtype == np.float32


@pytest.mark.parametrize(
    "values",
    [[np.zeros((1, 3)), np.array([b"1"])], [np.zeros(2), np.array([b"1"])], [np.zeros((1, 2)), np.array(b"1")]],
    ids=["another width", "another rank", "no rows"],
)
def test_inputs_of_other_shapes_are_refused_as_by_a_session(values: list[Any]) -> None:
    for way in (lambda: run(values, OPTIONS), lambda: by_session(values)):
        with pytest.raises(ValueError, match="shape"):
            way()


@pytest.mark.parametrize("values", [[], [np.zeros((1, 2))]])
def test_an_input_that_is_missing_is_refused(values: list[Any]) -> None:
    with pytest.raises(ValueError, match="zip"):
        run(values, OPTIONS)


def test_an_error_is_tensorflows_also_where_it_quotes_bytes() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        run([np.zeros((1, 2)), np.array([b"x"])], OPTIONS)
    assert "StringToNumberOp could not correctly convert string: x" in str(raised.value.message)
    with pytest.raises(UnicodeDecodeError) as undecoded:
        run([np.zeros((1, 2)), np.array([b"\xff"])], OPTIONS)
    assert b"could not correctly convert string: \xff" in undecoded.value.object


def test_two_inputs_of_one_tensor_are_given_as_to_a_session() -> None:
    twice = meta_graph_pb2.SignatureDef()
    twice.CopyFrom(SIGNATURE)
    twice.inputs["words"].CopyFrom(SIGNATURE.inputs["text"])
    upper = sorted(SIGNATURE.outputs).index("upper")
    found = SignatureRun(SESSION, twice)([np.zeros((1, 2)), np.array([b"1a"]), np.array([b"1b"])], OPTIONS)[upper]
    assert list(np.atleast_1d(found)) == [b"1B"]  # the last one, in the order of the names


def test_a_graph_without_a_tensor_of_the_signature_is_refused() -> None:
    other = meta_graph_pb2.SignatureDef()
    other.CopyFrom(SIGNATURE)
    other.outputs["sum"].name = "nowhere:0"
    with pytest.raises(KeyError, match="nowhere"):
        SignatureRun(SESSION, other)


def test_threads_run_it_at_once() -> None:
    def ask(number: int) -> float:
        return float(run([np.full((1, 2), number), np.array([b"1"])], OPTIONS)[SUM])

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, range(200))) == [2.0 * number for number in range(200)]


def test_a_short_run_is_computed_in_the_thread_that_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorflow_runs, "_POOLS", tensorflow_runs.ThreadPools(0))  # there are no others
    runs = tensorflow_runs.TensorFlowRuns(SESSION, {"s": SIGNATURE})
    given = [np.array([[1.0, 2.0]], np.float32), np.array([b"7"], object)]
    assert runs.run_part("s", given, NO_LIMIT, of="s", is_short=True)[SUM] == 3.0
    with pytest.raises(ValueError, match="empty"):
        runs.run_part("s", given, NO_LIMIT, of="s")
