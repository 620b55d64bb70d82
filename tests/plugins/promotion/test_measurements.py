"""What an event's measurements say of the engine; a ledger may hold anything."""

from typing import Any

import pytest
from airflow_bert_service.promotion.measurements import engine, tflite


@pytest.mark.parametrize(
    ("metrics", "text"),
    [
        ({"engine": "openvino", "precision": "int8"}, "OpenVINO (int8)"),
        ({"engine": "tensorflow", "precision": "as exported"}, "TensorFlow (as exported)"),
        ({}, ""),
        ({"engine": "openvino"}, ""),
        ({"engine": ["openvino"], "precision": 8}, ""),
        ({"engine": "<b>", "precision": "int8"}, ""),
    ],
)
def test_engine_and_precision_are_named_where_the_ledger_has_them(metrics: dict[str, Any], text: str) -> None:
    assert engine(metrics) == text


def test_what_was_measured_for_tflite_is_read_and_what_is_no_number_left_out() -> None:
    assert tflite({}) is None
    assert tflite({"tflite": "quick"}) is None
    found = tflite(
        {
            "tflite": {
                "precision": "int8",
                "measured_on": "own-v1",
                "n": 400,
                "accuracy": 0.87,
                "savedmodel_accuracy": "good",
                "latency_ms": 12.5,
                "bytes": 23_000_000,
            }
        }
    )
    assert found is not None
    assert (found.precision, found.measured_on, found.n) == ("int8", "own-v1", 400)
    assert (found.accuracy, found.savedmodel_accuracy) == (0.87, None)
    assert (found.latency_ms, found.savedmodel_latency_ms) == (12.5, None)
    assert (found.bytes, found.savedmodel_bytes) == (23_000_000, None)
