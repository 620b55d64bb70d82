"""A message is counted before it is parsed: never less than there is, and the count lets other threads in."""

import contextlib
from typing import Any

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from tensorflow_serving.apis import classification_pb2, predict_pb2

from tfx_modules.serving.exceptions import InvalidRequestError
from tfx_modules.serving.flags.request_flags import RequestFlags
from tfx_modules.serving.grpc.wire import check_message

NO_LIMITS = RequestFlags(max_request_values=0, max_request_numbers=0)


def predict(**inputs: Any) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest(inputs={name: tf.make_tensor_proto(array) for name, array in inputs.items()})
    request.model_spec.name = "reviews"
    return request


def check(content: bytes, **limits: int) -> None:
    check_message(content, predict_pb2.PredictRequest.DESCRIPTOR, RequestFlags(**limits))


@given(
    texts=st.lists(st.binary(max_size=200), min_size=2, max_size=30),
    numbers=st.lists(st.integers(-(2**31), 2**31 - 1), min_size=2, max_size=30),
)
def test_any_message_can_be_counted(texts: list[bytes], numbers: list[int]) -> None:
    message = predict(texts=texts, numbers=numbers)
    message.inputs["numbers"].tensor_content = b""
    message.inputs["numbers"].int_val.extend(numbers)
    check_message(message.SerializeToString(), message.DESCRIPTOR, NO_LIMITS)
    with pytest.raises(InvalidRequestError, match="more than 1 strings, messages and fields"):
        check(message.SerializeToString(), max_request_values=1)
    with pytest.raises(InvalidRequestError, match=r"more than 1 numbers in lists \(--max_request_numbers\)"):
        check(message.SerializeToString(), max_request_numbers=1)


@pytest.mark.parametrize("count", [999, 1001])
def test_every_string_counts(count: int) -> None:
    message = predict(texts=["x"] * count).SerializeToString()
    around = 9  # the model's name, the map, its entry, the tensor, its type and shape
    if count < 1000:
        check(message, max_request_values=1000 + around)
    else:
        with pytest.raises(InvalidRequestError, match=r"more than 1000 .*\(--max_request_values\); send fewer rows"):
            check(message, max_request_values=1000)


def test_numbers_as_tensor_content_do_not_count() -> None:
    message = predict(numbers=[[1.5] * 100] * 100)
    assert message.inputs["numbers"].tensor_content
    check(message.SerializeToString(), max_request_numbers=1)


@pytest.mark.parametrize("content", [b"\x12\x00" * 100, b"\x78\x01" * 100])
def test_empty_messages_and_unknown_fields_count(content: bytes) -> None:
    check(content, max_request_values=100)
    with pytest.raises(InvalidRequestError, match="more than 99"):
        check(content, max_request_values=99)


def test_empty_messages_within_others_count() -> None:
    request = classification_pb2.ClassificationRequest()
    for _ in range(50):
        request.input.example_list.examples.add()
    with pytest.raises(InvalidRequestError, match="more than 50"):
        check_message(request.SerializeToString(), request.DESCRIPTOR, RequestFlags(max_request_values=50))


@given(content=st.binary(max_size=200))
def test_any_bytes_are_either_counted_or_refused(content: bytes) -> None:
    with contextlib.suppress(InvalidRequestError):
        check_message(content, predict_pb2.PredictRequest.DESCRIPTOR, NO_LIMITS)


@pytest.mark.parametrize("content", [b"\x7b\x0a\xff\x7c", b"\x0a\x05abc", b"\x80" * 11, b"\x0f"])
def test_nothing_hides_behind_damage_or_a_group(content: bytes) -> None:
    with pytest.raises(InvalidRequestError, match="cannot be parsed"):
        check(content + b"\x12\x00" * 100)
