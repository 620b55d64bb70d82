"""What is known of a node's input before it runs."""

from pathlib import Path

from tfx.orchestration.portable.data_types import ExecutionInfo
from tfx.types.standard_artifacts import Examples, Model, Schema

from tfx_modules.beam.operator import input_size


def artifact(kind: type, folder: Path, size: int) -> object:
    made = kind()
    made.uri = str(folder / kind.__name__)
    file = Path(made.uri, "Split-train", "data.gz")
    file.parent.mkdir(parents=True)
    file.write_bytes(bytes(size))
    return made


def test_examples_count_and_other_inputs_do_not(tmp_path: Path) -> None:
    inputs = {
        "examples": [artifact(Examples, tmp_path, 3000)],
        "schema": [artifact(Schema, tmp_path, 100)],
        "model": [artifact(Model, tmp_path, 9000)],
    }
    assert input_size(ExecutionInfo(input_dict=inputs, exec_properties={})) == 3000


def test_the_fingerprint_of_a_window_has_the_bytes_of_its_days() -> None:
    days = "\n".join(f"split:days,num_files:1,total_bytes:{size},xor_checksum:1,sum_checksum:1" for size in (4001, 99))
    assert input_size(ExecutionInfo(input_dict={}, exec_properties={"input_fingerprint": days})) == 4100
