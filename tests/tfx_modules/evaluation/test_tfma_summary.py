from pathlib import Path

import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from google.protobuf.text_format import Parse
from hypothesis import given
from hypothesis import strategies as st
from tensorflow_model_analysis.proto import metrics_for_slice_pb2, validation_result_pb2

from tfx_modules.evaluation import tfma_summary


def write(folder: Path, result: str, metrics: tuple[str, ...] = ()) -> str:
    """An evaluation as TFMA writes it."""
    folder.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(folder / "validations.tfrecord")) as writer:
        writer.write(Parse(result, validation_result_pb2.ValidationResult()).SerializeToString())
    with tf.io.TFRecordWriter(str(folder / "metrics-00000-of-00001.tfrecord")) as writer:
        for text in metrics:
            writer.write(Parse(text, metrics_for_slice_pb2.MetricsForSlice()).SerializeToString())
    return str(folder)


def failure(value: float, threshold: str, name: str = "binary_accuracy") -> str:
    return (
        f'failures {{ metric_key {{ name: "{name}" }} metric_value {{ double_value {{ value: {value!r} }} }} '
        f"metric_threshold {{ {threshold} }} }}"
    )


def metric(name: str, value: float, key: str = "") -> str:
    return (
        f'metric_keys_and_values {{ key {{ name: "{name}" {key} }} value {{ double_value {{ value: {value!r} }} }} }}'
    )


@pytest.mark.parametrize(
    ("value", "threshold", "message"),
    [
        (0.612, "value_threshold { lower_bound { value: 0.7 } }", "accuracy 0.612 < floor 0.700"),
        (0.612, "value_threshold { lower_bound { value: 0.699999999 } }", "accuracy 0.612 < floor 0.700"),
        (0.69996, "value_threshold { lower_bound { value: 0.7 } }", "accuracy 0.69996 < floor 0.70000"),
        (0.93, "value_threshold { upper_bound { value: 0.9 } }", "accuracy 0.930 > ceiling 0.900"),
        (float("nan"), "value_threshold { lower_bound { value: 0.7 } }", "accuracy nan < floor 0.700"),
    ],
)
def test_a_failed_threshold_is_shown_with_value_and_bound(
    tmp_path: Path, value: float, threshold: str, message: str
) -> None:
    evaluation = write(tmp_path, f"metric_validations_per_slice {{ {failure(value, threshold)} }}")

    assert tfma_summary.describe(evaluation) == f"not blessed: {message}"


def test_all_failures_are_told_with_their_slices(tmp_path: Path) -> None:
    floor = "value_threshold { lower_bound { value: 0.7 } }"
    result = f"""
        metric_validations_per_slice {{ {failure(0.6, floor)} {failure(0.5, floor, "auc")} }}
        metric_validations_per_slice {{
          slice_key {{ single_slice_keys {{ column: "length" bytes_value: "long" }} }} {failure(0.4, floor)}
        }}
        missing_slices {{ feature_keys: "question" }}
    """

    assert tfma_summary.describe(write(tmp_path, result)) == (
        "not blessed: accuracy 0.600 < floor 0.700; AUC 0.500 < floor 0.700; "
        "accuracy 0.400 < floor 0.700 where length=long; no examples in slice question"
    )


def test_a_metric_that_was_not_computed_is_told(tmp_path: Path) -> None:
    result = 'metric_validations_per_slice { failures { metric_key { name: "f1" } message: "Metric not found." } }'

    assert tfma_summary.describe(write(tmp_path, result)) == "not blessed: f1: Metric not found."


def test_a_blessing_is_told_with_the_candidate_s_metrics_on_all_examples(tmp_path: Path) -> None:
    baseline, candidate = f'model_name: "{tfma.BASELINE_KEY}"', f'model_name: "{tfma.CANDIDATE_KEY}"'
    overall = " ".join(
        [
            metric("binary_accuracy", 0.8, baseline),
            metric("binary_accuracy", 0.91, candidate),
            metric("binary_accuracy", 0.11, f"{candidate} is_diff: true"),
            metric("auc", 0.967, candidate),
            metric("example_count", 700, candidate),
        ]
    )
    in_slice = 'slice_key { single_slice_keys { column: "label" int64_value: 1 } } ' + metric("binary_accuracy", 0.1)

    evaluation = write(tmp_path, "validation_ok: true", (in_slice, overall))

    assert tfma_summary.describe(evaluation) == "blessed: accuracy 0.910, AUC 0.967"


@given(value=st.floats(0, 1), gap=st.floats(1e-9, 1))
def test_a_value_below_the_floor_never_looks_equal_to_it(
    tmp_path_factory: pytest.TempPathFactory, value: float, gap: float
) -> None:
    threshold = f"value_threshold {{ lower_bound {{ value: {value + gap!r} }} }}"
    evaluation = write(
        tmp_path_factory.mktemp("evaluation"), f"metric_validations_per_slice {{ {failure(value, threshold)} }}"
    )

    _, _, message = tfma_summary.describe(evaluation).partition("accuracy ")
    shown, _, floor = message.partition(" < floor ")
    assert float(shown) < float(floor)
