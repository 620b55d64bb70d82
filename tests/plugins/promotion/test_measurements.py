"""What an event's measurements say of the engine; a ledger may hold anything."""

from typing import Any

import pytest
from airflow_bert_service.promotion.measurements import engine


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
