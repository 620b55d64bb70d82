"""JSON to arrays and back, by the rules of TensorFlow Serving's REST API."""

import base64
import contextlib
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tfx_modules.serving.exceptions import InvalidRequestError
from tfx_modules.serving.rest.json.input import parse_document, read_inputs
from tfx_modules.serving.rest.json.output import write_outputs
from tfx_modules.serving.specs import Arrays, Signature, TensorInfo


def signature(**inputs: str) -> Signature:
    return Signature("serving_default", {name: TensorInfo(dtype, None) for name, dtype in inputs.items()}, {})


def read(body: Any, **inputs: str) -> Arrays:
    return read_inputs(parse_document(json.dumps(body).encode()), signature(**inputs))


def test_rows_of_plain_values_go_to_the_only_input() -> None:
    assert read({"instances": ["a", "b"]}, text="DT_STRING")["text"].tolist() == [b"a", b"b"]


def test_rows_of_objects_are_stacked_by_name() -> None:
    inputs = read({"instances": [{"a": [1, 2], "b": 3}, {"a": [4, 5], "b": 6}]}, a="DT_FLOAT", b="DT_INT32")
    assert inputs["a"].tolist() == [[1.0, 2.0], [4.0, 5.0]]
    assert inputs["b"].tolist() == [3, 6]
    assert [inputs[name].dtype.name for name in "ab"] == ["float32", "int32"]


def test_columns_need_no_common_first_dimension() -> None:
    inputs = read({"inputs": {"a": [[1.5]], "b": 7}}, a="DT_DOUBLE", b="DT_INT64")
    assert (inputs["a"].shape, inputs["b"].shape) == ((1, 1), ())


def test_a_column_of_the_only_input_needs_no_name() -> None:
    assert read({"inputs": [True, False]}, flag="DT_BOOL")["flag"].tolist() == [True, False]


@pytest.mark.parametrize("encoded", ["AP8h", "AP8h\n", "_w==", "_w", "/w=="])
def test_bytes_come_in_base64_of_either_alphabet_with_or_without_padding(encoded: str) -> None:
    expected = b"\x00\xff!" if encoded.startswith("AP") else b"\xff"
    assert read({"instances": [{"b64": encoded}]}, examples="DT_STRING")["examples"].tolist() == [expected]


def test_nan_and_infinity_are_numbers() -> None:
    values = read_inputs(parse_document(b'{"instances": [NaN, Infinity, -Infinity]}'), signature(x="DT_FLOAT"))["x"]
    assert np.isnan(values[0])
    assert values[1:].tolist() == [np.inf, -np.inf]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "The document is empty"),
        (b"  ", "The document is empty"),
        (b"{", "JSON Parse error"),
        (b'{"instances": ["\xff"]}', "JSON Parse error"),
        (b'{"instances": [' + b"9" * 5000 + b"]}", "DT_STRING|expected type|JSON Parse error"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[1]", r"JSON Value: \[1\] Is not object"),
        (b"{}", "Missing 'inputs' or 'instances' key"),
        (b'{"instances": ["a"], "inputs": ["a"]}', "give one of the two"),
        (b'{"instances": []}', "a list of at least one value"),
        (b'{"instances": "a"}', "a list of at least one value"),
        (b'{"instances": ["a"], "signature_name": 3}', "'signature_name' key must be a string value"),
        (b'{"instances": [{"txt": "a"}]}', "keys must be equal to: text"),
        (b'{"instances": ["a", {"text": "b"}]}', "element 1 of 'instances' is not in the same form"),
        (b'{"instances": [["a"], "b"]}', "expected a list"),
        (b'{"instances": ["a", ["b"]]}', "expected a value"),
        (b'{"instances": [["a", "b"], ["c"]]}', "has size 1, expected 2"),
        (b'{"instances": [3]}', "JSON Value: 3 in 'instances' is not of expected type: a string"),
        (b'{"instances": [null]}', "JSON Value: null"),
        (b'{"instances": ["\\ud800"]}', "half of a surrogate pair"),
        (b'{"instances": [{"b64": "?"}]}', "Unable to base64 decode"),
        (b'{"inputs": {"txt": ["a"]}}', "Missing named input: text in 'inputs' object"),
        (b'{"instances": ' + b"[" * 40 + b"]" * 40 + b"}", "nested deeper than 32"),
    ],
)
def test_what_does_not_fit_a_text_input_is_refused_with_the_place(body: bytes, message: str) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        read_inputs(parse_document(body), signature(text="DT_STRING"))


@pytest.mark.parametrize(
    ("value", "dtype", "message"),
    [
        (1.0, "DT_INT32", "an integer from"),
        (True, "DT_INT32", "an integer from"),
        (300, "DT_UINT8", "from 0 to 255"),
        (-1, "DT_UINT64", "from 0 to"),
        ("1", "DT_FLOAT", "a number"),
        (True, "DT_FLOAT", "a number"),
        (2**24, "DT_FLOAT", "loses digits"),
        (1e39, "DT_FLOAT", "beyond the range"),
        (1, "DT_BOOL", "true or false"),
        (1, "DT_COMPLEX64", "JSON cannot carry"),
    ],
)
def test_numbers_are_never_bent_to_fit(value: Any, dtype: str, message: str) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        read({"instances": [value]}, x=dtype)


def test_a_signature_of_two_inputs_wants_names() -> None:
    for body in ({"instances": [1]}, {"inputs": [1]}):
        with pytest.raises(InvalidRequestError, match="takes 2 inputs: a, b; name them in an object"):
            read(body, a="DT_FLOAT", b="DT_FLOAT")


def written(outputs: Arrays, *, rows: bool) -> Any:
    return json.loads(write_outputs(outputs, rows=rows))


def test_one_output_is_answered_without_its_name() -> None:
    outputs = {"score": np.array([0.2, 1.0], dtype=np.float32)}
    assert write_outputs(outputs, rows=True) == b'{"predictions":[0.2,1.0]}'
    assert written(outputs, rows=False) == {"outputs": [0.2, 1.0]}


def test_several_outputs_are_an_object_per_row_or_one_object_of_columns() -> None:
    outputs = {"label": np.array([b"pos", "né".encode()], dtype=object), "score": np.array([1, 2], dtype=np.int64)}
    assert written(outputs, rows=True) == {"predictions": [{"label": "pos", "score": 1}, {"label": "né", "score": 2}]}
    assert written(outputs, rows=False) == {"outputs": {"label": ["pos", "né"], "score": [1, 2]}}


def test_outputs_whose_name_ends_in_bytes_are_base64() -> None:
    outputs = {"image_bytes": np.array([[b"\x00\xff"]], dtype=object)}
    assert written(outputs, rows=True) == {"predictions": [[{"b64": base64.b64encode(b"\x00\xff").decode()}]]}


def test_rows_of_outputs_without_a_common_first_dimension_are_refused() -> None:
    with pytest.raises(InvalidRequestError, match="send 'inputs' to get them by column"):
        write_outputs({"total": np.array(3.0)}, rows=True)


@given(
    arrays.arrays(
        dtype=st.sampled_from([np.float32, np.float64, np.int32, np.int64, np.uint64, np.bool_]),
        shape=arrays.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=3),
    )
)
def test_what_is_written_reads_back_as_the_same_numbers(array: np.ndarray[Any, Any]) -> None:
    dtype = {
        "float32": "DT_FLOAT",
        "float64": "DT_DOUBLE",
        "int32": "DT_INT32",
        "int64": "DT_INT64",
        "uint64": "DT_UINT64",
        "bool": "DT_BOOL",
    }[array.dtype.name]
    body = write_outputs({"x": array}, rows=True).replace(b"predictions", b"instances")
    again = read_inputs(parse_document(body), signature(x=dtype))["x"]
    np.testing.assert_array_equal(again, array, strict=True)


@given(st.lists(st.binary(), min_size=1))
def test_any_bytes_survive_base64(values: list[bytes]) -> None:
    rows = [{"b64": base64.b64encode(value).decode()} for value in values]
    assert read({"instances": rows}, examples="DT_STRING")["examples"].tolist() == values


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists) | st.text())
def test_any_json_is_either_read_or_refused(value: Any) -> None:
    for dtype in ("DT_STRING", "DT_FLOAT", "DT_HALF", "DT_INT32", "DT_BOOL"):
        for body in ({"instances": [value]}, {"inputs": value}, {"inputs": {"x": value}}):
            with contextlib.suppress(InvalidRequestError):
                read(body, x=dtype)
