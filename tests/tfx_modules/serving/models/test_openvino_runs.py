"""Short texts go through the ends of the graph in the thread that asks; others in threads that a deadline can end."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from tfx_modules.serving.flags.engine_flag import EngineChoice
from tfx_modules.serving.models.engines.engine import Engine
from tfx_modules.serving.models.engines.openvino_runs import OpenVinoRuns
from tfx_modules.serving.specs import NO_LIMIT, Array, bytes_array, size_of


class Ends:
    """Both ends of a graph; notes how they are run."""

    def __init__(self) -> None:
        self.short: list[bool] = []

    def run_part(self, part: str, given: Sequence[Array], limit: Any, *, of: str, is_short: bool) -> Sequence[Array]:
        del part, given, limit, of
        self.short.append(is_short)
        return [np.ones((1, 2), np.int32)]


class Encoder:
    """An encoder that finds every text alike."""

    def logits(self, ids: Array, go_on: Any) -> Array:
        go_on()
        return np.zeros(len(ids), np.float32)


@pytest.mark.parametrize(("size", "is_short"), [(8192, True), (8193, False)])
def test_a_text_is_short_up_to_8_kib(size: int, is_short: bool) -> None:
    empty = size_of(bytes_array([b""], (1,)))
    given = [bytes_array([b"x" * (size - empty)], (1,))]
    ends = Ends()
    runs: Any = OpenVinoRuns(ends, Encoder(), Engine(EngineChoice.OPENVINO, "int8"))  # type: ignore[arg-type]
    runs.run("serving_default", given, NO_LIMIT)
    assert ends.short == [is_short] * 2
