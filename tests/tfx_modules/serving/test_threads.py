"""TensorFlow gets as many threads as suit the cores that the server may use."""

from pathlib import Path

import pytest

from tfx_modules.serving.flags.server_flags import ServerFlags
from tfx_modules.serving.models.engines.saved_model import Threads
from tfx_modules.serving.server import threads_of


@pytest.mark.parametrize(
    ("intra_op", "inter_op", "cores", "expected"),
    [
        (0, 0, 1, Threads(1, 1)),
        (0, 0, 2, Threads(1, 2)),
        (0, 0, 8, Threads(8, 8)),
        (2, 0, 2, Threads(2, 2)),
        (1, 3, 8, Threads(1, 3)),
    ],
)
def test_an_operation_has_one_thread_on_two_cores_and_one_per_core_on_more(
    intra_op: int, inter_op: int, cores: int, expected: Threads
) -> None:
    flags = ServerFlags(
        model_name="m",
        model_base_path=Path("models"),
        tensorflow_intra_op_parallelism=intra_op,
        tensorflow_inter_op_parallelism=inter_op,
    )
    assert threads_of(flags, cores) == expected
