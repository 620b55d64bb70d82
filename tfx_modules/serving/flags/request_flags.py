"""Declares the flags that bound what one request may cost. Imports only the standard library."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from tfx_modules.serving.exceptions import FlagError

_MIB = 1024 * 1024


@dataclass(frozen=True)
class RequestFlags:
    """The bounds of one request; 0 = no limit, everywhere.

    Attributes:
        max_uncompressed_bytes: what a gzip body may become, and what examples with a common context may.
        max_bytes_under_way: bytes of all requests that have arrived and are not answered, of both protocols together.
        max_request_values: values, keys and separators of a JSON body; strings, messages and fields of a gRPC message.
        max_request_numbers: numbers in the packed lists of a gRPC message; those in ``tensor_content`` do not count.
        max_request_rows: texts, examples, or rows of a tensor.
        max_row_bytes: size of one text or example.
        max_json_depth: lists and objects within each other.
        max_tasks: tasks of one MultiInference.
        max_rows_per_run: a request with more rows is computed in several runs, one after the other.
        max_compute_time_in_ms: time for one run of the model, where the caller's deadline is later or there is none.
    """

    max_uncompressed_bytes: int = 100 * _MIB  # TensorFlow Serving has this bound, too (gzip_zlib.h)
    max_bytes_under_way: int = 512 * _MIB
    max_request_values: int = 2**18
    max_request_numbers: int = 2**24
    max_request_rows: int = 2**14
    max_row_bytes: int = 16 * _MIB
    max_json_depth: int = 100
    max_tasks: int = 100
    max_rows_per_run: int = 0
    max_compute_time_in_ms: int = 60_000

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = getattr(self, entry.name)
            if value < 0:
                raise FlagError(f"--{entry.name}={value} is negative; give a number, or 0 for no limit")


DEFAULT_BOUNDS = RequestFlags()

REQUEST_FLAGS: Mapping[str, Mapping[str, Any]] = {
    "--max_uncompressed_bytes": {"type": int, "help": "what a gzip body may become, 0 = no limit"},
    "--max_bytes_under_way": {"type": int, "help": "bytes of all requests that are not answered yet, 0 = no limit"},
    "--max_request_values": {"type": int, "help": "JSON values, or strings and messages, of a request, 0 = no limit"},
    "--max_request_numbers": {"type": int, "help": "numbers in the lists of a gRPC message, 0 = no limit"},
    "--max_request_rows": {"type": int, "help": "texts, examples or rows of a request, 0 = no limit"},
    "--max_row_bytes": {"type": int, "help": "size of a text or an example, 0 = no limit"},
    "--max_json_depth": {"type": int, "help": "JSON lists and objects within each other, 0 = no limit"},
    "--max_tasks": {"type": int, "help": "tasks of a MultiInference, 0 = no limit"},
    "--max_rows_per_run": {
        "type": int,
        "help": "rows that are computed in one run, for models that take each row for itself, 0 = all",
    },
    "--max_compute_time_in_ms": {"type": int, "help": "time for one run of the model, 0 = no limit"},
}
