"""Classify and Regress: which signatures they take, and what they make of a model's outputs."""

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_modules.serving.exceptions import InvalidRequestError, SignatureFormError, UnsupportedMethodError
from tfx_modules.serving.grpc.examples import write_classifications
from tfx_modules.serving.inference.classify_regress import (
    CLASSIFY,
    REGRESS,
    Classifications,
    Regressions,
    Task,
    conclude,
    prepare,
)
from tfx_modules.serving.specs import Arrays, PredictCall, Signature, TensorInfo, bytes_array

STRINGS, FLOATS = TensorInfo("DT_STRING", None), TensorInfo("DT_FLOAT", None)


def signature(method: str, *outputs: str, inputs: tuple[str, ...] = ("inputs",)) -> Signature:
    return Signature("s", dict.fromkeys(inputs, STRINGS), dict.fromkeys(outputs, FLOATS), method)


def call(made: Signature, method: str | None = None, examples: tuple[bytes, ...] = (b"example",)) -> PredictCall:
    return prepare(Task(method or made.method, "s"), {"s": made}, examples)


@pytest.mark.parametrize("outputs", [("classes",), ("scores",), ("classes", "scores")])
def test_classify_asks_for_classes_scores_or_both(outputs: tuple[str, ...]) -> None:
    made = call(signature(CLASSIFY, *outputs))
    assert made.output_filter == outputs
    assert made.inputs["inputs"].tolist() == [b"example"]


def test_an_output_that_is_neither_is_not_computed() -> None:
    assert call(signature(CLASSIFY, "scores", "more")).output_filter == ("scores",)


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        (signature(CLASSIFY, "y"), SignatureFormError),
        (signature(CLASSIFY, "scores", inputs=("x",)), SignatureFormError),
        (signature(CLASSIFY, "scores", inputs=("inputs", "x")), InvalidRequestError),
        (signature(CLASSIFY, "classes", "scores", "more"), InvalidRequestError),
        (signature(REGRESS, "y"), SignatureFormError),
        (signature(REGRESS, "outputs", "more"), InvalidRequestError),
        (signature(REGRESS, "outputs", inputs=("x",)), SignatureFormError),
    ],
)
def test_a_signature_without_the_methods_tensors_is_refused(made: Signature, kind: type[Exception]) -> None:
    with pytest.raises(
        kind, match=r"signature 's' has inputs .* needs the input \"inputs\".* export it so, or use predict"
    ):
        call(made)


def test_a_signature_of_another_method_is_refused_with_those_that_fit() -> None:
    signatures = {"s": signature(REGRESS, "outputs"), "c": signature(CLASSIFY, "scores")}
    with pytest.raises(InvalidRequestError, match="Was: tensorflow/serving/regress; signature_name may be: c"):
        prepare(Task(CLASSIFY, "s"), signatures, [b"example"])
    with pytest.raises(InvalidRequestError, match="may be: none, the model has no such signature"):
        prepare(Task(CLASSIFY, "s"), {"s": signatures["s"]}, [b"example"])


def test_an_unknown_method_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UnsupportedMethodError, match=r"method_name: x; allowed: .*classify, .*regress"):
        call(signature("x", "outputs"), "x")


LABELS = bytes_array([b"a", b"b", b"c", b"d"], (2, 2))
SCORES = np.array([[1, 2], [3, 4]], dtype=np.float32)


@pytest.mark.parametrize(
    ("method", "outputs", "message"),
    [
        (CLASSIFY, {"scores": SCORES[0]}, r"'scores' is float32 \[2\]; expected float32 of rank 2 with 2 rows"),
        (CLASSIFY, {"scores": SCORES.astype(np.float64)}, "'scores' is float64"),
        (CLASSIFY, {"scores": SCORES[:1]}, r"\[1, 2\]; expected float32 of rank 2 with 2 rows"),
        (CLASSIFY, {"classes": SCORES}, "'classes' is float32 .*; expected strings"),
        (CLASSIFY, {"classes": LABELS, "scores": SCORES[:, :1]}, "differ in their number of classes"),
        (REGRESS, {"outputs": SCORES}, r"has shape \[2, 2\], expected \[2, 1\]"),
        (REGRESS, {"outputs": SCORES[None]}, "rank 1 or 2"),
        (REGRESS, {"outputs": LABELS}, "expected float32"),
        (REGRESS, {"outputs": np.array(1, dtype=np.float32)}, "rank 1 or 2"),
    ],
)
def test_outputs_of_another_form_are_refused(method: str, outputs: Arrays, message: str) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        conclude(Task(method), outputs, 2)


@given(
    rows=st.integers(1, 5),
    classes=st.integers(0, 4),
    kept=st.sampled_from([("classes",), ("scores",), ("classes", "scores")]),
)
def test_what_the_model_lacks_is_empty_or_zero(rows: int, classes: int, kept: tuple[str, ...]) -> None:
    outputs: Mapping[str, np.ndarray] = {
        "classes": bytes_array([b"l"] * (rows * classes), (rows, classes)),
        "scores": np.ones((rows, classes), dtype=np.float32),
    }
    result = conclude(Task(CLASSIFY), {name: outputs[name] for name in kept}, rows)
    assert isinstance(result, Classifications)
    assert result.labels.tolist() == [[b"l" if "classes" in kept else b""] * classes] * rows
    assert result.scores.tolist() == [[1.0 if "scores" in kept else 0.0] * classes] * rows


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_regressions_are_flat(shape: tuple[int, ...]) -> None:
    result = conclude(Task(REGRESS), {"outputs": np.array([1, 2, 3], dtype=np.float32).reshape(shape)}, 3)
    assert isinstance(result, Regressions)
    assert result.values.tolist() == [1.0, 2.0, 3.0]


def test_a_label_that_is_no_text_cannot_go_over_grpc() -> None:
    result = Classifications(bytes_array([b"\xff"], (1, 1)), SCORES[:1, :1])
    with pytest.raises(InvalidRequestError, match=r"label b'\\xff' is not UTF-8; use Predict for bytes"):
        write_classifications(result)
