"""A call has a bounded number of rows, each of a bounded size."""

import numpy as np
import pytest

from tfx_modules.serving.exceptions import InvalidRequestError
from tfx_modules.serving.flags.request_flags import RequestFlags
from tfx_modules.serving.inference.classify_regress import with_context
from tfx_modules.serving.inference.rows import check_rows
from tfx_modules.serving.specs import Array, PredictCall, bytes_array

LIMITS = RequestFlags(max_request_rows=3, max_row_bytes=5)


def check(array: Array) -> None:
    check_rows(PredictCall("serving_default", {"text": array}), LIMITS)


def test_what_is_within_the_limits_passes() -> None:
    check(bytes_array([b"12345"] * 3, (3,)))
    check(np.zeros((3, 100)))
    check(np.zeros(100))
    check(bytes_array([], (0,)))


@pytest.mark.parametrize("array", [bytes_array([b""] * 4, (2, 2)), np.zeros((4, 1))])
def test_more_rows_are_refused(array: Array) -> None:
    with pytest.raises(InvalidRequestError, match=r"'text' has 4 rows; at most 3 are taken \(--max_request_rows\)"):
        check(array)


def test_a_longer_row_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match=r"has 6 bytes; at most 5 are taken \(--max_row_bytes\)"):
        check(bytes_array([b"123456"], (1,)))


def test_a_context_is_not_multiplied_beyond_the_limit() -> None:
    assert with_context(b"ab", [b"c", b"d"], 6) == [b"abc", b"abd"]
    with pytest.raises(InvalidRequestError, match=r"are 6 bytes; at most 5 are taken \(--max_uncompressed_bytes\)"):
        with_context(b"ab", [b"c", b"d"], 5)
