"""Cuts rows of token ids into passes of like length, as ``model/inference_graph.py`` does in TensorFlow.

The numbers are OpenVINO's, measured with the default encoder on two cores: in INT8 without AMX, in bfloat16 with it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# The fixed cost of a pass, in tokens: measured 3 to 6 ms a pass, most of it for a change of shape, and 0.06 ms a token.
PASS_TOKENS = 64
# More tokens in one pass are no faster (0.060 ms a token in 4 rows of 128, 0.064 in 8), and others wait longer.
MOST_TOKENS = 512
# With AMX they are: 0.041 ms a token in 4 rows of 128, 0.038 in 8, 0.036 in 16 on one core; 0.025, 0.021, 0.020 on two.
MOST_TOKENS_WITH_AMX = 2048
# Lengths are rounded up: OpenVINO prepares for each shape, which takes 10 to 20 ms the first time.
LENGTH_STEP = 16


@dataclass(frozen=True)
class Pass:
    """Rows that go through the encoder together.

    Attributes:
        rows: their numbers, int64.
        tokens: the columns of ids that are needed of them.
    """

    rows: Array
    tokens: int


def passes(ids: Array, most_tokens: int = MOST_TOKENS) -> Iterator[Pass]:
    """Cut rows into passes, longest first: a pass ends where its padding would cost more than another pass.

    Args:
        ids: [rows, tokens], 0 is padding, at the end of a row.
        most_tokens: of one pass, where it has more than one row.

    Yields:
        Passes, in which each row is once.
    """
    lengths = np.count_nonzero(ids, axis=1)
    order = np.argsort(-lengths, kind="stable")
    lengths = lengths[order]
    begin = 0
    while begin < len(order):
        end = begin + rows_of_pass(lengths[begin:], most_tokens)
        yield Pass(order[begin:end], min(_rounded(int(lengths[begin])), ids.shape[1]))
        begin = end


def rows_of_pass(lengths: Array, most_tokens: int = MOST_TOKENS) -> int:
    """Return the number of rows, of these falling lengths, that the next pass through the encoder takes; 1 or more."""
    most = lengths[: max(1, most_tokens // _rounded(int(lengths[0])))]
    tokens = np.arange(1, len(most) + 1) * max(1, int(most[0]))
    padding = tokens - np.cumsum(most)
    return max(1, int(np.count_nonzero(padding <= PASS_TOKENS)))


def _rounded(length: int) -> int:
    return (max(length, 1) + LENGTH_STEP - 1) // LENGTH_STEP * LENGTH_STEP
