"""Declares the flags and parameters of batching. Imports only the standard library."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from tfx_modules.serving.exceptions import FlagError


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


@dataclass(frozen=True)
class BatchingFlags:
    """The flags of batching.

    Attributes:
        enable_batching: put them together.
        batching_parameters_file: TensorFlow Serving's BatchingParameters as text; None = the defaults below.
    """

    enable_batching: bool = False
    batching_parameters_file: Path | None = None

    def __post_init__(self) -> None:
        if self.batching_parameters_file is not None and not self.enable_batching:
            raise FlagError("--batching_parameters_file is given without --enable_batching; give both")


@dataclass(frozen=True)
class BatchingParameters:
    """TensorFlow Serving's BatchingParameters, with its defaults.

    Attributes:
        max_batch_size: rows that are computed together at most; a request with more is computed in parts.
        batch_timeout_micros: how long a batch that is not full waits for more although a thread is free.
        max_enqueued_batches: how many full batches may wait, for each signature; further requests are refused.
        num_batch_threads: batches that are computed at the same time.
        thread_pool_name: what the threads are called.
        allowed_batch_sizes: rising, the last is max_batch_size: batches are filled up to one of these with copies of
            their first row; empty = any size.
        pad_variable_length_inputs: fill shorter rows up with their tensor's first element, so that requests whose
            tensors differ in other dimensions than the first can be put together.
    """

    max_batch_size: int = 1000
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 10
    num_batch_threads: int = field(default_factory=cores)
    thread_pool_name: str = "model_server_batch_threads"
    allowed_batch_sizes: tuple[int, ...] = ()
    pad_variable_length_inputs: bool = False

    def __post_init__(self) -> None:
        for name in ("max_batch_size", "max_enqueued_batches", "num_batch_threads"):
            if getattr(self, name) < 1:
                raise FlagError(f"{name} of the batching parameters is {getattr(self, name)}; give 1 or more")
        if self.batch_timeout_micros < 0:
            raise FlagError(
                f"batch_timeout_micros of the batching parameters is {self.batch_timeout_micros}; give 0 or more"
            )
        sizes = self.allowed_batch_sizes
        if sizes and (list(sizes) != sorted(set(sizes)) or sizes[0] < 1 or sizes[-1] != self.max_batch_size):
            raise FlagError(
                f"allowed_batch_sizes of the batching parameters are {list(sizes)}; give rising sizes from 1 on, of "
                f"which the last is max_batch_size, {self.max_batch_size}"
            )

    def allowed(self, rows: int) -> int:
        """Return the number of rows that a batch of so many is filled up to."""
        return next((size for size in self.allowed_batch_sizes if size >= rows), rows)
