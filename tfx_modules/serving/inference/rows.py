"""Bounds the rows of a call: how many there are, and how long each is."""

from tfx_modules.serving.exceptions import InvalidRequestError
from tfx_modules.serving.flags.request_flags import RequestFlags
from tfx_modules.serving.specs import PredictCall


def check_rows(call: PredictCall, limits: RequestFlags) -> None:
    """Check that a call has no more rows, and no longer ones, than it may.

    Rows are the strings of an input, and the first dimension of one with two or more.

    Raises:
        InvalidRequestError: it has.
    """
    for name, array in call.inputs.items():
        is_text = array.dtype == object
        rows = array.size if is_text else array.shape[0] if array.ndim > 1 else 1
        if limits.max_request_rows and rows > limits.max_request_rows:
            raise InvalidRequestError(
                f"input {name!r} has {rows} rows; at most {limits.max_request_rows} are taken "
                "(--max_request_rows): send fewer at a time"
            )
        longest = max(map(len, array.ravel().tolist()), default=0) if is_text else 0
        if limits.max_row_bytes and longest > limits.max_row_bytes:
            raise InvalidRequestError(
                f"a row of input {name!r} has {longest} bytes; at most {limits.max_row_bytes} are taken "
                "(--max_row_bytes): send a shorter one"
            )
