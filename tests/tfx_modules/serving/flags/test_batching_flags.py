"""TensorFlow Serving's flags and file for batching, and their mistakes."""

from pathlib import Path

import pytest

from tfx_modules.serving.batching.parameters_file import read_parameters
from tfx_modules.serving.exceptions import FlagError
from tfx_modules.serving.flags.batching_flags import BatchingFlags, BatchingParameters
from tfx_modules.serving.flags.server_flags import parse_flags


def read(tmp_path: Path, text: str) -> BatchingParameters | None:
    file = tmp_path / "batching.config"
    file.write_text(text)
    return read_parameters(BatchingFlags(enable_batching=True, batching_parameters_file=file))


def test_without_the_flag_requests_are_computed_alone() -> None:
    assert read_parameters(BatchingFlags()) is None
    assert read_parameters(parse_flags(["--model_base_path=/m", "--enable_batching=false"]).batching) is None


def test_without_a_file_the_defaults_hold() -> None:
    assert read_parameters(parse_flags(["--model_base_path=/m", "--enable_batching"]).batching) == BatchingParameters()


def test_the_file_is_tensorflow_servings(tmp_path: Path) -> None:
    text = """
        max_batch_size { value: 32 }
        batch_timeout_micros { value: 2000 }
        max_enqueued_batches { value: 7 }
        num_batch_threads { value: 1 }
        thread_pool_name { value: "reviews" }
        allowed_batch_sizes: 8
        allowed_batch_sizes: 32
        pad_variable_length_inputs: true
    """
    assert read(tmp_path, text) == BatchingParameters(
        max_batch_size=32,
        batch_timeout_micros=2000,
        max_enqueued_batches=7,
        num_batch_threads=1,
        thread_pool_name="reviews",
        allowed_batch_sizes=(8, 32),
        pad_variable_length_inputs=True,
    )


def test_what_the_file_leaves_out_keeps_its_default(tmp_path: Path) -> None:
    assert read(tmp_path, "max_batch_size { value: 32 }") == BatchingParameters(max_batch_size=32)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_batch_size: 32", "is not a BatchingParameters in text form: .*max_batch_size"),
        ("largest { value: 1 }", 'has no field named "largest"'),
        ("max_batch_size { value: 0 }", "max_batch_size of the batching parameters is 0; give 1 or more"),
        ("num_batch_threads { value: -1 }", "num_batch_threads of the batching parameters is -1; give 1 or more"),
        ("batch_timeout_micros { value: -1 }", "batch_timeout_micros .* is -1; give 0 or more"),
        ("allowed_batch_sizes: 8", r"are \[8\]; give rising sizes .* max_batch_size, 1000"),
        ("max_batch_size { value: 8 } allowed_batch_sizes: [8, 8]", r"are \[8, 8\]; give rising sizes"),
    ],
)
def test_a_mistake_is_said(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(FlagError, match=message):
        read(tmp_path, text)


def test_a_file_that_is_not_there_or_not_wanted_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(FlagError, match="cannot be read: No such file"):
        read_parameters(BatchingFlags(enable_batching=True, batching_parameters_file=tmp_path / "none"))
    with pytest.raises(FlagError, match="is given without --enable_batching; give both"):
        parse_flags(["--model_base_path=/m", "--batching_parameters_file=/b"])


def test_batches_are_filled_up_to_the_next_allowed_size() -> None:
    parameters = BatchingParameters(max_batch_size=8, allowed_batch_sizes=(2, 8))
    assert [parameters.allowed(rows) for rows in (1, 2, 3, 8)] == [2, 2, 8, 8]
    assert BatchingParameters().allowed(3) == 3
